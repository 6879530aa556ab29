"""``simkit doctor``: what works on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from simkit.cli.console import size_text, stdout, table


def command(
    timeout: Annotated[float, typer.Option(min=1, help="a renderer may take [s]")] = 60.0,
) -> None:
    """Look at this machine and try each renderer; exit code 1 if none works.

    Example: simkit doctor
    """
    from simkit import registry

    console = stdout()
    facts = table("", "")
    facts.show_header = False
    for name, text in _facts():
        facts.add_row(name, text)
    console.print(facts)
    console.print()
    works = [_probe_renderer(name, timeout) for name in registry.names("renderers")]
    if not any(works):
        console.print("no renderer works here: follow one of the remedies", style="bold red")
        raise typer.Exit(1)


def _facts() -> list[tuple[str, str]]:
    from simkit import machine

    memory = machine.memory()
    said = f"{size_text(memory[0])} of {size_text(memory[1])} free" if memory else "unknown"
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions().items())
    return [
        ("python", machine.python()),
        ("cores", str(machine.cores())),
        ("memory", said),
        ("disk", f"{size_text(machine.free_disk())} free here"),
        ("cache", _cache()),
        ("versions", versions),
    ]


def _cache() -> str:
    from simkit.assets.cache import cache_dir
    from simkit.errors import AssetError

    try:
        return f"{cache_dir()} (writable)"
    except AssetError as error:
        return f"NOT USABLE: {error}"


def _probe_renderer(name: str, timeout: float) -> bool:
    from simkit.render.probe import probe

    console = stdout()
    found = probe(name, timeout)
    if found.works:
        console.print(f"renderer {name}: [bold green]works[/] ({found.driver})", markup=True)
        return True
    console.print(f"renderer {name}: [bold red]does not work[/]", markup=True)
    console.print(f"  reason: {found.reason}")
    console.print(f"  remedy: {found.remedy}")
    return False
