"""``simkit stats``: a data set's own profile, and what it lacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simkit.cli.console import cell, stdout, table
from simkit.cli.progress import progress_bar

if TYPE_CHECKING:
    from simkit.evaluate.profile import Profile
    from simkit.evaluate.requirement import Lack

SHADES = " .:-=+*#%@"
"""Of the heat map, from nothing to the densest cell."""

BAR = 24


def command(
    source: Annotated[str, typer.Argument(metavar="DIR", help="a data set's folder or URL")],
    *,
    require: Annotated[
        Path | None, typer.Option(help="YAML of what it is to hold; exit code 1 if it does not")
    ] = None,
    real: Annotated[
        str, typer.Option(help="a real data set: what has it that this one lacks?")
    ] = "",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="write all of it to this file")
    ] = None,
) -> None:
    """Say how a data set is balanced, how large, hidden and placed its objects are, and what it lacks.

    Example: simkit stats out/cards --real out/real --require wanted.yaml
    """
    from simkit.dataset.reader import open_dataset
    from simkit.evaluate.profile import profile_of
    from simkit.evaluate.requirement import against_real, against_requirement, read_requirement

    wanted = read_requirement(require) if require is not None else None
    data = open_dataset(source)
    other = open_dataset(real) if real else None
    with progress_bar() as progress:
        profile, objects = profile_of(data, progress)
        real_profile = profile_of(other, progress) if other is not None else None
    unmet = against_requirement(profile, wanted) if wanted is not None else []
    lacks = against_real(profile, objects, *real_profile) if real_profile is not None else []
    if json_file is not None:
        found = {
            **profile.to_dict(),
            "required": [vars(one) for one in unmet],
            "against_real": [vars(one) for one in lacks],
        }
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n")
    _print(profile)
    _print_lacks("required", unmet)
    _print_lacks(f"what {real} has", lacks)
    if not all(one.met for one in unmet):
        raise typer.Exit(1)


def _print(profile: Profile) -> None:
    console = stdout()
    console.print(
        f"{profile.url}: {profile.images} images with {profile.instances} objects, "
        f"{profile.empty:.0%} of the images empty"
    )
    sizes = ", ".join(f"{size} ({count})" for size, count in list(profile.resolutions.items())[:4])
    console.print(f"resolutions: {sizes}\n")
    made = table("class", "objects", "images", "share", "", right=("objects", "images", "share"))
    most = max((one.instances for one in profile.classes), default=1) or 1
    for one in profile.classes:
        bar = "#" * round(BAR * one.instances / most)
        row = [one.name, str(one.instances), str(one.images), f"{one.share:.1%}", bar]
        made.add_row(*row, style="yellow" if one.name in profile.tail else None)
    console.print(made)
    tail = f"; long tail: {', '.join(profile.tail)}" if profile.tail else ""
    console.print(
        f"as even as {profile.effective_classes:.1f} classes, "
        f"most over least frequent {profile.imbalance:.3g}{tail}"
    )
    if profile.unseen:
        console.print(f"declared, but in no image: {', '.join(profile.unseen)}")
    console.print()
    made = table(
        "", "5 %", "25 %", "median", "75 %", "95 %", right=("5 %", "25 %", "median", "75 %")
    )
    for name, values in profile.quantiles.items():
        made.add_row(name, *(f"{value:.3g}" for value in values))
    console.print(made)
    for title, shares in (("sizes", profile.coco_sizes), ("occlusion", profile.occlusion)):
        text = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
        console.print(f"{title}: {text or 'not stored'}")
    console.print(f"cut off by the image's edge: {profile.truncated:.0%}\n")
    _print_positions(profile)
    _print_coverage(profile)


def _print_positions(profile: Profile) -> None:
    console = stdout()
    densest = max(max(row) for row in profile.positions) or 1.0
    console.print("centres of objects:")
    for row in profile.positions:
        shades = (SHADES[min(round(one / densest * 9), 9)] * 2 for one in row)
        console.print(f"  |{''.join(shades)}|")


def _print_coverage(profile: Profile) -> None:
    if not profile.coverage:
        return
    console = stdout()
    made = table("randomized", "declared", "drawn", "used", "expected", right=("used", "expected"))
    absent = []
    for one in profile.coverage:
        if not one.drawn:
            absent.append(one.key)
            continue
        drawn = cell([one.low, one.high]) if one.low is not None else f"{one.drawn} values"
        row = [one.key, cell(one.support), drawn, f"{one.used:.0%}", f"{one.expected:.0%}"]
        made.add_row(*row, style="yellow" if one.thin else None)
    console.print()
    console.print(made)
    if absent:
        console.print(f"not in play, or not stored: {', '.join(absent)}")


def _print_lacks(title: str, lacks: list[Lack]) -> None:
    if not lacks:
        return
    console = stdout()
    made = table(title, "wanted", "found", "")
    for one in lacks:
        mark = "ok" if one.met else "LACKS"
        made.add_row(one.key, one.wanted, one.found, mark, style=None if one.met else "red")
    console.print()
    console.print(made)
