"""The recipe of docs/training.md, run as it stands there, but for the number of steps and the size."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from simkit.generation import generate

DOC = Path(__file__).resolve().parents[2] / "docs" / "training.md"
STEPS = 24


def block(name: str) -> str:
    blocks = re.findall(r"```python\n# (\S+)\n(.*?)```", DOC.read_text(), re.DOTALL)
    return dict(blocks)[name]


def shortened(name: str, changes: dict[str, str]) -> str:
    text = block(name)
    for old, new in changes.items():
        assert text.count(old) == 1, f"{name} has not one '{old}'"
        text = text.replace(old, new)
    return text


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: Any) -> Path:
    """Working folder with parts.yaml, 16 images in out/parts, and detector.py to be imported."""
    config = small(seed=1, randomizers={"camera": {"distance": {"uniform": [0.3, 0.4]}}})
    (tmp_path / "parts.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.chdir(tmp_path)
    detector = ModuleType("detector")
    exec(block("detector.py"), detector.__dict__)
    monkeypatch.setitem(sys.modules, "detector", detector)
    return tmp_path


def run(text: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(text, names)
    return names


def fall(losses: list[float]) -> float:
    """Return the mean of the last third over that of the first."""
    assert len(losses) == STEPS
    third = STEPS // 3
    return sum(losses[-third:]) / sum(losses[:third])


def test_from_disk(folder: Path) -> None:
    generate("parts.yaml", "out/parts", n=16)
    names = run(
        shortened(
            "from_disk.py", {"STEPS = 2000": f"STEPS = {STEPS}", "num_workers=2": "num_workers=0"}
        )
    )
    assert fall(names["losses"]) < 0.85


def test_streaming(folder: Path) -> None:
    import torch

    names = run(
        shortened(
            "streaming.py",
            {
                "STEPS = 2000": f"STEPS = {STEPS}",
                "batch_size=8": "batch_size=2",
                'num_workers=2, collate_fn=collate, multiprocessing_context="spawn"': (
                    "collate_fn=collate"
                ),
            },
        )
    )
    assert fall(names["losses"]) < 0.95
    saved = torch.load("detector.pt")
    assert saved["stream"]["done"] == [[0, 2 * STEPS - 1]]
