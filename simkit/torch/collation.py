"""Batches of samples with various numbers of instances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence

from simkit.errors import DatasetError
from simkit.torch.targets import INSTANCE_LABELS

NO_CLASS = -1
"""What ``labels``, ``obj_ids`` and ``instance_ids`` are padded with; the rest is padded with 0."""


def collate(samples: Sequence[dict[str, Any]], pad: bool = False) -> dict[str, Any]:
    """Return a batch, a dict; the ``collate_fn`` of a ``DataLoader``.

    Labels with a row an instance are lists of tensors, one an image. With `pad` (give
    ``functools.partial(collate, pad=True)``) they are tensors (B, N, ...), N the most of the batch, and
    ``valid`` (B, N) bool says which rows are instances. All other tensors are stacked; what is no
    tensor becomes a list.

    Raises:
        DatasetError: images differ in size, or samples in their names.
    """
    names = list(samples[0])
    if any(set(sample) != set(names) for sample in samples):
        raise DatasetError("collate: samples of one batch have different names; see the transform")
    batch: dict[str, Any] = {}
    counts = torch.tensor([0])
    for name in names:
        values = [sample[name] for sample in samples]
        if not isinstance(values[0], torch.Tensor):
            batch[name] = values
        elif name not in INSTANCE_LABELS:
            batch[name] = _stacked(name, values)
        elif pad:
            batch[name] = _padded(name, values)
            counts = torch.tensor([len(value) for value in values])
        else:
            batch[name] = values
    if pad and INSTANCE_LABELS & set(names):
        batch["valid"] = torch.arange(int(counts.max())) < counts[:, None]
    return batch


def _stacked(name: str, values: list[torch.Tensor]) -> torch.Tensor:
    shapes = {tuple(value.shape) for value in values}
    if len(shapes) > 1:
        raise DatasetError(
            f"collate: '{name}' has the shapes {sorted(shapes)} in one batch; make them equal in the "
            "transform, or take batch_size=1"
        )
    return torch.stack(values)


def _padded(name: str, values: list[torch.Tensor]) -> torch.Tensor:
    if name == "keypoints":  # of data sets that do not say how many a category has
        most = max(value.shape[1] for value in values)
        values = [torch.nn.functional.pad(v, (0, 0, 0, most - v.shape[1])) for v in values]
    shapes = {tuple(value.shape[1:]) for value in values}
    if len(shapes) > 1:
        raise DatasetError(
            f"collate: '{name}' has rows of the shapes {sorted(shapes)} in one batch"
        )
    fill = NO_CLASS if name in ("labels", "obj_ids", "instance_ids") else 0
    return pad_sequence(values, batch_first=True, padding_value=fill)
