"""simkit: labelled images from 3D models, with labels that are proven.

import simkit
simkit.generate("examples/tabletop.yaml", "out/parts", n=100)
for record in simkit.open_dataset("out/parts"):
    record.rgb, record.mask_visib, record.gt
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simkit.dataset.reader import Dataset, Record, open_dataset
    from simkit.generation import Report, generate
    from simkit.pipeline import Pipeline, Sample

__all__ = ["Dataset", "Pipeline", "Record", "Report", "Sample", "generate", "open_dataset"]

_HOMES = {
    "Dataset": "simkit.dataset.reader",
    "Pipeline": "simkit.pipeline",
    "Record": "simkit.dataset.reader",
    "Report": "simkit.generation",
    "Sample": "simkit.pipeline",
    "generate": "simkit.generation",
    "open_dataset": "simkit.dataset.reader",
}


def __getattr__(name: str) -> Any:
    """Import public names when they are first used, so that ``simkit --help`` starts at once."""
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module 'simkit' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
