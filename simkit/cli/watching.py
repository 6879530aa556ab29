"""What a person sees of a long evaluation: what is done, and how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from simkit.cli.console import stderr

Watch = Callable[[str, int, int], None]


@contextmanager
def watching() -> Iterator[Watch]:
    """Give a callback that moves a bar; where nobody watches, it writes a line for each new thing."""
    console = stderr()
    if not console.is_terminal:
        said: list[str] = []

        def line(what: str, done: int, total: int) -> None:
            text = f"{what} ({done + 1} of {total})" if " trained" in what else what
            if text not in said[-1:]:
                said.append(text)
                console.print(text)

        yield line
        return
    from rich import progress as rich

    from simkit.timing import now

    columns = (rich.TextColumn("{task.description}"), rich.BarColumn(), rich.MofNCompleteColumn(),
               rich.TimeElapsedColumn())  # fmt: skip
    with rich.Progress(*columns, console=console, get_time=now, transient=True) as bar:
        task = bar.add_task("preparing", total=None)

        def show(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield show
