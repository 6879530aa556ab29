"""``simkit inspect``: what is in a data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simkit.cli.console import cell, print_warnings, size_text, stdout, table

if TYPE_CHECKING:
    from simkit.dataset.reader import Dataset

COLUMNS = ("index", "key", "status", "instances", "visible", "min_visib_fract", "categories")
BAR = 24


def command(
    source: Annotated[str, typer.Argument(metavar="DIR", help="a data set's folder or URL")],
    index: Annotated[int | None, typer.Argument(metavar="[INDEX]", help="show this image")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="'COLUMN OP VALUE'", help="list images; OP: = != < <= > >=; ANDed"),
    ] = None,
    columns: Annotated[str, typer.Option(help="a,b: of the list; 'all' names them all")] = "",
    limit: Annotated[int, typer.Option(min=1, help="rows of the list")] = 20,
    verify: Annotated[bool, typer.Option("--verify", help="hash all files again")] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="draw the image INDEX")] = None,
) -> None:
    """Say what a data set holds, list some of its images, or show one.

    Example: simkit inspect out/parts --where 'min_visib_fract < 0.1' --columns index,categories
    """
    from simkit.dataset.reader import open_dataset
    from simkit.errors import DatasetError

    dataset = open_dataset(source)
    if out is not None and index is None:
        raise DatasetError("--out: draws one image; give its INDEX, or use simkit preview")
    if verify:
        _verify(dataset)
    elif index is not None:
        _show_image(dataset, index, out)
    elif where or columns:
        _list_images(dataset, where or [], columns, limit)
    else:
        _show_summary(dataset)


def _show_summary(dataset: Dataset) -> None:
    from simkit.dataset.summary import summarize

    console, about, summary = stdout(), dataset.description, summarize(dataset)
    failed = f", {summary.failed} skipped" if summary.failed else ""
    state = "finished" if summary.finished else f"unfinished: {summary.wanted} wanted"
    facts = table("", "")
    facts.show_header = False
    facts.add_row("images", f"{summary.images}{failed} ({state})")
    facts.add_row("size", size_text(summary.size))
    facts.add_row("origin", about["origin"])
    facts.add_row("seed", cell(about["config"].get("seed")))
    if "renderer" in about:
        facts.add_row("renderer", f"{about['renderer']['backend']}: {about['renderer']['driver']}")
        if about["renderer"]["ignores"]:
            facts.add_row("", f"does not show: {', '.join(about['renderer']['ignores'])}")
    else:
        facts.add_row("imported from", about["config"]["import"]["source"])
    facts.add_row("labels", cell(about["config"].get("labels")))
    facts.add_row("licences", "; ".join(about["licences"]) or "unknown")
    facts.add_row("versions", ", ".join(f"{k} {v}" for k, v in about["versions"].items()))
    console.print(facts)
    if summary.instances:
        made = table("category", "instances", "images", right=("instances", "images"))
        for name, count in summary.instances.items():
            made.add_row(name, str(count), str(summary.images_with[name]))
        console.print()
        console.print(made)
    if summary.visibility:
        made = table("visible part", "instances", "", right=("instances",))
        most = max(count for _, count in summary.visibility)
        for text, count in summary.visibility:
            made.add_row(text, str(count), "█" * round(BAR * count / max(most, 1)))
        console.print()
        console.print(made)
    print_warnings(about["warnings"])


def _list_images(dataset: Dataset, conditions: list[str], columns: str, limit: int) -> None:
    from simkit.dataset.query import select, where

    console = stdout()
    if columns == "all":
        console.print("\n".join(dataset.index.column_names))
        return
    found = where(dataset.index, conditions)
    asked = [name.strip() for name in columns.split(",") if name.strip()]
    names = asked or [name for name in COLUMNS if name in found.column_names]
    made = table(*names)
    for row in select(found, names).slice(0, limit).to_pylist():
        made.add_row(*(cell(row[name]) for name in names))
    console.print(made)
    shown = f"; first {limit} shown, see --limit" if found.num_rows > limit else ""
    console.print(f"{found.num_rows} of {dataset.index.num_rows} images{shown}")


def _show_image(dataset: Dataset, index: int, out: Path | None) -> None:
    from simkit.draw import draw_picture, picture_of_record
    from simkit.preview import write_image

    console, record = stdout(), dataset[index]
    size = f"{record.row['width']}x{record.row['height']} px"
    console.print(f"image {index}, {record.key} in {record.row['shard']}, {size}")
    picture = picture_of_record(record, dataset.description)
    made = table("instance", "category", "visible", "bbox_visib", "bbox_obj", "position [m]")
    for place, (one, labels) in enumerate(
        zip(picture.instances, record.labels["instances"], strict=True)
    ):
        T = one.T_camera_body
        position = "-" if T is None else " ".join(f"{value:.3f}" for value in T[:3, 3])
        name = labels.get("identity", {}).get("name", str(place))
        boxes = (
            "-" if b is None else " ".join(map(str, b)) for b in (one.bbox_visib, one.bbox_obj)
        )
        fraction = "-" if one.visib_fract is None else f"{one.visib_fract:.3f}"
        made.add_row(name, one.name, fraction, *boxes, position)
    console.print(made)
    for name, params in record.params.items():
        console.print(f"\n{name}", style="bold")
        for key, value in params.items():
            console.print(f"  {key}: {_compact(value)}", no_wrap=True, overflow="ellipsis")
    if out is not None:
        write_image(out, draw_picture(picture))
        console.print(f"\ndrawn: {out}")


def _compact(value: Any) -> str:
    """Return JSON without quotes, numbers with four digits."""
    rounded = json.loads(json.dumps(value), parse_float=lambda text: float(f"{float(text):.4g}"))
    return json.dumps(rounded).replace('"', "")


def _verify(dataset: Dataset) -> None:
    console, damaged = stdout(), dataset.verify()
    if not damaged:
        console.print(
            f"{len(dataset)} images: [bold green]all files are as they were written[/]", markup=True
        )
        return
    shown = ", ".join(map(str, damaged[:20])) + (", ..." if len(damaged) > 20 else "")
    console.print(
        f"[bold red]{len(damaged)} of {len(dataset)} images are damaged:[/] {shown}", markup=True
    )
    raise typer.Exit(1)
