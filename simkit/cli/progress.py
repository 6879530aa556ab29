"""The progress bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from simkit.cli.console import stderr

if TYPE_CHECKING:
    from simkit.generation import Progress


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """Give a callback that moves a progress bar; None where nobody watches."""
    console = stderr()
    if not console.is_terminal:
        yield None
        return
    from rich import progress as rich

    from simkit.timing import now

    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TextColumn("{task.fields[speed]}"),
        rich.TimeRemainingColumn(),
    )
    with rich.Progress(*columns, console=console, get_time=now, transient=True) as bar:
        task = bar.add_task("preparing", total=None, speed="")
        start = now()

        def show(done: int, total: int) -> None:
            speed = f"{done / max(now() - start, 1e-9):.1f} images/s"
            bar.update(task, description="images", completed=done, total=total, speed=speed)

        yield show
