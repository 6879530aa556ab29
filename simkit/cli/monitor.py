"""``simkit monitor``: are new real images like those that a model was accepted on?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from simkit.cli.console import stdout, table

ALARM = 3
"""Exit code of a check that raises an alarm."""

MODEL_HELP = "folder of a trained model, features:NAME, or package.module:function"

app = typer.Typer(
    help="Watch a model's new images: a drift alarm with a stated rate of false alarms.",
    no_args_is_help=True,
)


@app.command("fit")
def fit(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP)],
    *,
    accepted: Annotated[str, typer.Option(help="data set of real images that it was accepted on")],
    out: Annotated[Path, typer.Option("--out", "-o", help="the monitor")] = Path("monitor.json"),
    false_alarm_rate: Annotated[float, typer.Option(help="of a check, 0 to 0.5")] = 0.05,
    seed: Annotated[int, typer.Option(min=0, help="of the cut into two halves")] = 0,
) -> None:
    """Learn what accepted images look like to a model; labels are not needed.

    Example: simkit monitor fit out/model --accepted out/real --out monitor.json
    """
    from simkit.evaluate.models import open_model, seen_by
    from simkit.evaluate.monitor import fit_monitor, least_images
    from simkit.evaluate.opening import open_images

    examples = open_images(accepted)
    features, confidence, statistics = seen_by(open_model(model), examples)
    monitor = fit_monitor(model, features, confidence, statistics, false_alarm_rate, seed)
    monitor.write(out)
    console = stdout()
    sure = "and its confidence" if confidence is not None else "(it gives no confidence)"
    console.print(f"{len(examples)} accepted images; {features.shape[1]} features {sure}")
    console.print(
        f"a check raises a false alarm in {100 * false_alarm_rate:g} % of cases at most; at least "
        f"{least_images(false_alarm_rate)} accepted images are needed for that"
    )
    console.print(f"next: simkit monitor check {model} {out} --new DIR")


@app.command("check")
def check(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP)],
    monitor: Annotated[Path, typer.Argument(metavar="MONITOR", help="of simkit monitor fit")],
    *,
    new: Annotated[str, typer.Option(help="data set of new images; labels are not needed")],
    json_file: Annotated[Path | None, typer.Option("--json", help="write what was found")] = None,
) -> None:
    """Hold new images against the accepted ones; exit code 3 if there is an alarm.

    Example: simkit monitor check out/model monitor.json --new today
    """
    from simkit.errors import ConfigError
    from simkit.evaluate.models import open_model, seen_by
    from simkit.evaluate.monitor import Monitor, check_images
    from simkit.evaluate.opening import open_images

    known = Monitor.read(monitor)
    if known.model != model:
        raise ConfigError(f"{monitor}: was fitted for {known.model}, not for {model}")
    examples = open_images(new)
    found = check_images(known, *seen_by(open_model(model), examples))
    console = stdout()
    console.print(Text(found.text, style="red" if found.alarm else "green"))
    if found.strange:
        made = table("image", "p", right=("image", "p"))
        indices = examples.column("index")
        for place in found.strange[:20]:
            made.add_row(str(indices[place]), f"{found.images[place]:.3g}")
        console.print(made)
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(found.as_dict(), indent=1) + "\n")
    if found.alarm:
        raise typer.Exit(ALARM)
