"""``simkit ablate``: what each factor of a config is worth on real photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simkit.cli.arguments import OVERRIDES_HELP, config_file
from simkit.cli.console import stdout, table
from simkit.cli.watching import watching

if TYPE_CHECKING:
    from simkit.evaluate.ablation import Ablation


def command(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="YAML file", show_default=False)],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help=OVERRIDES_HELP)
    ] = None,
    *,
    real: Annotated[str, typer.Option(metavar="DIR", help="data set of real photos")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="of all results")],
    factors: Annotated[
        str, typer.Option(metavar="FILE", help="YAML; auto: each plug-in; keys: each key")
    ] = "auto",
    task: Annotated[
        str, typer.Option(metavar="NAME", help="or package.module:Class")
    ] = "detection",
    options: Annotated[
        list[str] | None, typer.Option("--option", metavar="KEY=VALUE", help="of the task")
    ] = None,
    trainer: Annotated[
        str, typer.Option(metavar="NAME", help="your own: package.module:train")
    ] = "",
    n: Annotated[int, typer.Option("-n", metavar="N", min=1, help="images of each set")] = 300,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="of the images")] = 0,
    seeds: Annotated[int, typer.Option(metavar="N", min=1, help="trainings of each set")] = 2,
    categories: Annotated[
        str, typer.Option(metavar="NAME,...", help="those that count; all real ones")
    ] = "",
    group_by: Annotated[
        str, typer.Option(metavar="NAME", help="index column, or blocks:N: kept together")
    ] = "",
) -> None:
    """Change one factor at a time, train on each variant, test on real photos.

    Example: simkit ablate cards.yaml --real out/real -n 300 --out out/ablation
    """
    source = config_file(config)
    from simkit.config import load_config, load_raw
    from simkit.evaluate.ablation import AblationRequest, ablate
    from simkit.evaluate.learners import load_learner

    request = AblationRequest(
        config=load_config(source, overrides or ()),
        real=real,
        factors=factors,
        learner=load_learner(task, load_raw(None, options or ()), trainer),
        n=n,
        seed=seed,
        seeds=seeds,
        categories=tuple(one.strip() for one in categories.split(",") if one.strip()),
        group_by=group_by,
    )
    with watching() as watch:
        found = ablate(
            request, out, lambda name, done, total: watch(f"images of {name}", done, total), watch
        )
    _print(found)
    stdout().print(f"next: {out / 'ablation.md'}, {out / 'ablation.json'}")


def _print(found: Ablation) -> None:
    console = stdout()
    span = f"{100 * found.baseline_low:.1f} to {100 * found.baseline_high:.1f}"
    console.print(
        f"baseline: {100 * found.baseline:.1f} {found.metric} ({span}) on {found.tested_on} real images"
    )
    made = table("without", "score", "worth", "95 %", "p", right=("score", "worth", "p"))
    for row in found.rows:
        made.add_row(
            row.factor,
            f"{100 * row.score:.1f}",
            f"{100 * row.worth:+.1f}",
            f"{100 * row.worth_low:+.1f} to {100 * row.worth_high:+.1f}",
            f"{row.p:.2g}",
            style="bold" if row.p < 0.05 else None,
        )
    console.print(made)
    for name, why in found.failed.items():
        console.print(f"not made: {name}: {why}", style="yellow")
    console.print("worth: points that the baseline loses without the factor; bold: p < 0.05 (Holm)")
