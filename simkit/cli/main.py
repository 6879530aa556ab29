"""The ``simkit`` command. Heavy modules are imported inside the commands, so that help comes at once."""

from __future__ import annotations

import logging
from typing import Any

import typer
from typer.core import TyperGroup

from simkit.cli import (
    ablate,
    audit_labels,
    benchmark,
    check_plugin,
    doctor,
    evaluate,
    export,
    fit_randomization,
    gallery,
    generate,
    import_,
    inspect,
    monitor,
    preview,
    randomizers,
    replay,
    report,
    rerender,
    schema,
    stats,
)
from simkit.cli.console import debugging, print_error, stderr
from simkit.errors import SimkitError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it (128 + SIGINT)."""


class Commands(TyperGroup):
    """Turns simkit's own errors into one line and exit code 1; others keep their traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except SimkitError as error:
            if debugging():
                raise
            print_error(str(error))
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            stderr().print("interrupted")
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    name="simkit",
    cls=Commands,
    help="Labelled images from 3D models. Begin with: simkit doctor",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("generate")(generate.command)
app.command("preview")(preview.command)
app.command("inspect")(inspect.command)
app.command("audit-labels")(audit_labels.command)
app.command("replay")(replay.command)
app.command("rerender")(rerender.command)
app.command("export")(export.command)
app.command("import")(import_.command)
app.command("stats")(stats.command)
app.command("report")(report.command)
app.command("evaluate")(evaluate.command)
app.command("ablate")(ablate.command)
app.command("benchmark")(benchmark.command)
app.add_typer(monitor.app, name="monitor")
app.command("schema")(schema.command)
app.command("randomizers")(randomizers.command)
app.command("fit-randomization")(fit_randomization.command)
app.command("gallery")(gallery.command)
app.command("check-plugin")(check_plugin.command)
app.command("doctor")(doctor.command)


def main() -> None:
    """Run the command line; the console script ``simkit``."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("simkit").setLevel(logging.INFO)
    app()
