"""``simkit evaluate``: gap metrics and the real-task score, side by side."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from simkit.cli.console import stdout, table
from simkit.cli.watching import watching

if TYPE_CHECKING:
    from simkit.evaluate.evaluation import Request
    from simkit.evaluate.result import Evaluation

NONE = "none"
STYLES = {"good": "green", "fair": "yellow", "poor": "red"}
SHOWN = 8
"""Findings of a set that are listed on the screen; all are in the JSON file."""


def command(
    more: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DIR|KEY=VALUE]...",
            help="more synthetic sets; options of the task",
        ),
    ] = None,
    *,
    real: Annotated[str, typer.Option(metavar="DIR", help="data set of real photos")],
    synthetic: Annotated[list[str], typer.Option(metavar="DIR", help="synthetic data set")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="of the results")],
    task: Annotated[
        str, typer.Option(metavar="NAME", help="or package.module:Class, or none")
    ] = "detection",
    trainer: Annotated[
        str, typer.Option(metavar="NAME", help="your own: package.module:train")
    ] = "",
    protocols: Annotated[
        str, typer.Option(metavar="NAME,...", help="see docs/evaluation.md")
    ] = "tstr,trtr",
    seeds: Annotated[int, typer.Option(metavar="N", min=1, help="trainings of each set")] = 3,
    folds: Annotated[int, typer.Option(metavar="N", min=2, help="of the real set")] = 5,
    group_by: Annotated[
        str, typer.Option(metavar="NAME", help="index column, or blocks:N: kept together")
    ] = "",
    features: Annotated[
        str, typer.Option(metavar="NAME", help="of gap metrics, or none")
    ] = "efficientnet_lite0",
    categories: Annotated[
        str, typer.Option(metavar="NAME,...", help="those that count; all real ones")
    ] = "",
    no_report: Annotated[bool, typer.Option("--no-report", help="write no report.html")] = False,
) -> None:
    """Train on synthetic images, test on real ones, and say how far they are apart.

    Example: simkit evaluate --real out/real --synthetic out/syn --out out/eval
    """
    from simkit.config import load_raw
    from simkit.evaluate.evaluation import Request, evaluate
    from simkit.evaluate.protocols import Settings

    given = more or []
    overrides = [one for one in given if "=" in one]
    sets = (*synthetic, *(one for one in given if "=" not in one))
    settings = Settings(seeds=seeds, folds=folds, group_by=group_by)
    request = Request(
        real=real,
        synthetic=sets,
        task="" if task == NONE else task,
        options=load_raw(None, overrides),
        trainer=trainer,
        protocols=tuple(_words(protocols)),
        settings=settings,
        features="" if features == NONE else features,
        categories=tuple(_words(categories)),
    )
    with watching() as watch:
        found = evaluate(request, out, watch, [_command_line(request, overrides, out)])
    print_evaluation(found)
    console = stdout()
    for name, path in found.provenance.get("models", {}).items():
        console.print(f"model of {name}: {path}")
    if not no_report:
        from simkit.evaluate.report import write_report

        console.print(f"report: {write_report(found, out)}")
    console.print(f"all figures: {out / 'evaluation.json'}")


def print_evaluation(found: Evaluation) -> None:
    """Print verdicts, scores, comparisons, distances and the findings that matter."""
    console = stdout()
    for verdict in found.verdicts:
        console.print(Text.assemble((f"{verdict.level}: ", STYLES[verdict.level]), verdict.text))
    if found.scores:
        console.print()
        console.print(_scores(found))
    for pair in found.comparisons:
        console.print(f"- {pair.text}")
    if found.measures:
        console.print()
        console.print(_measures(found))
    acting = [one for one in found.findings if one.matters]
    if acting:
        console.print("\nwhat matters")
    for one in acting[:SHOWN]:
        console.print(f"- {one.name}: {one.text}")
    if len(acting) > SHOWN:
        console.print(f"... and {len(acting) - SHOWN} more")


def _command_line(request: Request, overrides: list[str], out: Path) -> str:
    settings = request.settings
    line = ["simkit", "evaluate", "--real", request.real]
    line += [part for one in request.synthetic for part in ("--synthetic", one)]
    line += ["--task", request.task or NONE, "--protocols", ",".join(request.protocols)]
    line += ["--seeds", str(settings.seeds), "--folds", str(settings.folds)]
    line += ["--features", request.features or NONE]
    optional = {
        "--trainer": request.trainer,
        "--group-by": settings.group_by,
        "--categories": ",".join(request.categories),
    }
    line += [part for pair in optional.items() if pair[1] for part in pair]
    return shlex.join([*line, *overrides, "--out", str(out)])


def _scores(found: Evaluation) -> object:
    numbers = ("score", "trained on", "tested on", "seconds")
    made = table("set", "protocol", "metric", "score", "95 %", "trained on", "tested on", "seeds",
                 "seconds", right=numbers)  # fmt: skip
    for one in found.scores:
        made.add_row(
            one.name,
            one.protocol,
            one.metric,
            f"{100 * one.value:.1f}",
            f"{100 * one.low:.1f} to {100 * one.high:.1f}",
            str(one.trained_on),
            str(one.tested_on),
            " ".join(f"{100 * value:.1f}" for value in one.seeds),
            f"{one.seconds:.0f}",
        )
    return made


def _measures(found: Evaluation) -> object:
    made = table("set", "measure", "value", "95 %", "floor", right=("value", "floor"))
    for one in found.measures:
        estimate = one.estimate
        span = "-" if estimate.low is None else f"{estimate.low:.4g} to {estimate.high:.4g}"
        floor = "-" if estimate.floor is None else f"{estimate.floor:.4g}"
        made.add_row(one.name, estimate.name, f"{estimate.value:.4g}", span, floor)
    return made


def _words(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]
