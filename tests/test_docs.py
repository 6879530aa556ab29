"""What the documentation shows works as written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simkit import registry
from simkit.checker import check_plugin
from simkit.config import load_config

ROOT = Path(__file__).parents[1]


def blocks(page: str, language: str) -> list[str]:
    """Return the fenced code blocks of a page in one language."""
    text = (ROOT / page).read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda p: p.name)
def test_examples_are_valid_configs(path: Path) -> None:
    config = load_config(path)
    if path.stem in registry.names("scenes"):
        assert config.family == path.stem
    assert len(path.read_text().splitlines()) < 60
    assert load_config(config.to_dict()).to_dict() == config.to_dict()


def test_config_of_the_readme_is_valid(tmp_path: Path) -> None:
    (text,) = blocks("README.md", "yaml")
    (tmp_path / "parts.yaml").write_text(text)
    config = load_config(tmp_path / "parts.yaml")
    assert config.run.models.unit == "mm"
    assert config.family_options.objects.support == (5, 15)


def test_randomizer_of_the_docs_fulfils_its_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = blocks("docs/plugins.md", "python")
    module: dict[str, object] = {"__name__": "gravity_of_the_docs"}
    exec(compile(code, "docs/plugins.md", "exec", dont_inherit=True), module)
    load, names = registry.load, registry.names
    monkeypatch.setattr(
        registry, "load", lambda k, n: module["Gravity"] if n == "gravity" else load(k, n)
    )
    monkeypatch.setattr(
        registry, "names", lambda k: [*names(k), "gravity"] if k == "randomizers" else names(k)
    )
    checks = check_plugin("gravity")
    assert len(checks) >= 5
    assert [check for check in checks if not check.passed] == []


def test_every_command_of_the_readme_exists() -> None:
    from typer.testing import CliRunner

    from simkit.cli.main import app

    listed = set(
        re.findall(r"^\| `simkit ([a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    )
    assert {"generate", "preview", "replay", "doctor"} <= listed
    for command in listed:
        assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0, command


@pytest.mark.parametrize(
    ("kind", "page"),
    [("annotators", "labels"), ("randomizers", "randomization"), ("sensors", "randomization"),
     ("scenes", "scenes")],
)  # fmt: skip
def test_every_plugin_is_in_the_docs(kind: str, page: str) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text()
    for name in registry.names(kind):
        internal = kind == "annotators" and registry.load(kind, name).kind == "internal"
        assert internal or f"`{name}`" in text, name


def test_pictures_of_the_docs_exist() -> None:
    for page in (ROOT / "docs").glob("*.md"):
        for target in re.findall(r"\]\(((?!http)[^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
