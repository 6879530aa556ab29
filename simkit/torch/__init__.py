"""Samples as tensors: from a data set on disk, or rendered while a model trains.

from simkit.torch import Dataset, StreamingDataset, collate
DataLoader(Dataset("out/parts", labels=("boxes", "labels")), batch_size=8, collate_fn=collate)
"""

from __future__ import annotations

from simkit.torch.collation import collate
from simkit.torch.stored import Dataset
from simkit.torch.streaming import StreamingDataset
from simkit.torch.targets import INSTANCE_LABELS, TARGETS

__all__ = ["INSTANCE_LABELS", "TARGETS", "Dataset", "StreamingDataset", "collate"]
