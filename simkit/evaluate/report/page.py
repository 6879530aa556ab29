"""An evaluation as one HTML page that needs nothing else: no network, no other file."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from simkit.evaluate.report import (
    curves,
    facts,
    findings,
    glossary,
    measures,
    numbers,
    overlays,
    pictures,
    scores,
    verdicts,
)
from simkit.evaluate.report.drawing import Plot, plain_data
from simkit.evaluate.report.palette import looks_of
from simkit.evaluate.result import Evaluation

PICTURES = "pictures"
"""Folder of an evaluation's pictures, beside its JSON."""
REPORT = "report.html"


def write_report(evaluation: Evaluation, folder: str | Path, *, name: str = REPORT) -> Path:
    """Write the page and ``evaluation.json`` into `folder` and return the page's path.

    Args:
        evaluation: what was found.
        folder: has the pictures, in ``pictures/``.
        name: of the page.

    Raises:
        DatasetError: the evaluation contradicts itself, e.g. a verdict has an unknown level.
    """
    path = write_page(evaluation, folder, Path(folder) / name)
    evaluation.write(folder)
    return path


def write_page(evaluation: Evaluation, folder: str | Path, path: str | Path) -> Path:
    """Write the page alone to `path` and return it; `folder` is where ``pictures/`` is."""
    text = render_page(evaluation, folder)
    made = Path(path)
    made.parent.mkdir(parents=True, exist_ok=True)
    made.write_bytes(text.encode())
    return made


def render_page(evaluation: Evaluation, folder: str | Path) -> str:
    """Return the page as HTML; `folder` is where ``pictures/`` is."""
    from plotly.offline import get_plotlyjs  # takes a while, so only where it is needed

    looks = looks_of(evaluation)
    shelf = Path(folder) / PICTURES
    compared, comparison_plot = scores.comparison_rows(evaluation)
    parts: dict[str, Any] = {
        "verdicts": verdicts.judged(evaluation, looks),
        "measures": measures.measure_tables(evaluation, looks),
        "scores": scores.score_groups(evaluation, looks),
        "comparisons": compared,
        "comparison_plot": comparison_plot,
        "curves": curves.curve_plots(evaluation, looks),
        "findings": findings.found(evaluation, looks) if evaluation.findings else None,
        "images": overlays.overlays(evaluation, looks, "image"),
        "labels": overlays.overlays(evaluation, looks, "label"),
        "pairs": pictures.pair_shelves(evaluation, looks, shelf),
        "failures": pictures.failure_shelves(evaluation, looks, shelf),
        "sets": facts.set_rows(evaluation, looks),
        "balance": overlays.balance(evaluation, looks),
        "provenance": list(facts.flat(evaluation.provenance)),
        "commands": evaluation.commands,
    }
    scripts = [_script_text(get_plotlyjs()), _script_text(_read("report.js"))]
    return _template().render(
        title=evaluation.title,
        looks=looks,
        style=Markup(_read("report.css")),
        scripts=[Markup(one) for one in scripts],
        policy=_policy(scripts),
        plots=Markup(_plots_json(list(_plots(parts)))),
        **parts,
    )


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_read),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["missing"] = numbers.MISSING
    environment.globals["protocols"] = lambda name: glossary.explain(name, glossary.PROTOCOLS)
    return environment.get_template("report.html.jinja")


def _read(name: str) -> str:
    return (resources.files(__package__) / "templates" / name).read_text(encoding="utf-8")


def _plots(part: Any) -> Iterator[Plot]:
    """Yield all plots of nested views, each once or more."""
    if isinstance(part, Plot):
        yield part
    elif isinstance(part, dict):
        yield from _plots(list(part.values()))
    elif isinstance(part, list | tuple):
        for one in part:
            yield from _plots(one)
    elif hasattr(part, "__dataclass_fields__"):
        yield from _plots([getattr(part, name) for name in part.__dataclass_fields__])


def _plots_json(plots: Sequence[Plot]) -> str:
    """Return the figures by id as JSON that cannot end the script element that it stands in."""
    figures = {one.id: {"data": one.data, "layout": one.layout} for one in plots}
    text = json.dumps(plain_data(figures), separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _script_text(text: str) -> str:
    """Return a script as an HTML parser reads it, so that its hash is the one that is checked."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("</script", "<\\/script")


def _policy(scripts: Sequence[str]) -> str:
    """Return a content security policy: nothing is loaded, and no script runs but `scripts`."""
    allowed = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'"
        for one in scripts
    )
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
