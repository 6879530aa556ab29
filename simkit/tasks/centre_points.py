"""Boxes to heat maps and back, and the losses between them: arithmetic without a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from simkit.tasks.augmentation import Sheet

SPREAD = 0.54
"""Share of a box that its Gaussian covers (Liu et al., TTFNet, AAAI 2020, section 3.2)."""

ALPHA, BETA = 2.0, 4.0
"""Exponents of the focal loss of heat maps (Law and Deng, CornerNet, ECCV 2018, equation 1)."""

PEAK = 3
"""A centre is the highest of so many places each way (Objects as Points, section 3)."""


@dataclass(frozen=True)
class Targets:
    """What the maps of a batch should be.

    Attributes:
        heat: (B, h, w) float32, 1 at centres.
        counts: (B, h, w) float32: 0 where neither answer is wrong.
        labels: (B, h, w) int64, of the instance that a place belongs to.
        corners: (B, 4, h, w) float32 [px]: left, top, right, bottom of the box that a place belongs to.
        weight: (B, h, w) float32: of a place's box; those of an instance sum to its importance.
        instances: how many there are.
    """

    heat: Tensor
    counts: Tensor
    labels: Tensor
    corners: Tensor
    weight: Tensor
    instances: int

    def to(self, device: torch.device) -> Targets:
        """Return them on a device."""
        return Targets(
            self.heat.to(device),
            self.counts.to(device),
            self.labels.to(device),
            self.corners.to(device),
            self.weight.to(device),
            self.instances,
        )


def targets_of(sheets: Sequence[Sheet], shape: tuple[int, int], stride: int) -> Targets:
    """Return the targets of images of one `shape` (height, width)."""
    size = (shape[0] // stride, shape[1] // stride)
    heat = np.zeros((len(sheets), *size), np.float32)
    counts = np.ones_like(heat)
    labels = np.zeros(heat.shape, np.int64)
    corners = np.zeros((len(sheets), 4, *size), np.float32)
    weight = np.zeros((len(sheets), *size), np.float32)
    instances = 0
    for number, sheet in enumerate(sheets):
        boxes = sheet.boxes.astype(np.float64)
        for place in np.argsort(-boxes[:, 2] * boxes[:, 3], kind="stable"):  # small ones lie on top
            box = boxes[place]
            if sheet.ignored[place]:
                x0, y0 = np.floor(box[:2] / stride).astype(int)
                x1, y1 = np.ceil((box[:2] + box[2:]) / stride).astype(int)
                counts[number, max(y0, 0) : y1, max(x0, 0) : x1] = 0
                continue
            instances += 1
            bump = _bump(box / stride, size)
            heat[number] = np.maximum(heat[number], bump)
            inside = bump > 0
            total = bump.sum()
            weight[number][inside] = np.log(max(box[2] * box[3], 2.0)) * bump[inside] / total
            labels[number][inside] = sheet.labels[place]
            ends = np.concatenate([box[:2], box[:2] + box[2:]]).astype(np.float32)
            corners[number][:, inside] = ends[:, None]
    counts[heat == 1] = 1
    return Targets(
        torch.from_numpy(heat),
        torch.from_numpy(counts),
        torch.from_numpy(labels),
        torch.from_numpy(corners),
        torch.from_numpy(weight),
        instances,
    )


def heat_loss(logits: Tensor, targets: Targets) -> Tensor:
    """Return the focal loss of heat maps, by instance (CornerNet, equation 1)."""
    logits = logits.float()
    probability = torch.sigmoid(logits)
    centre = targets.heat == 1
    hit = -((1 - probability) ** ALPHA) * functional.logsigmoid(logits)
    miss = -((1 - targets.heat) ** BETA) * probability**ALPHA * functional.logsigmoid(-logits)
    return (torch.where(centre, hit, miss) * targets.counts).sum() / max(targets.instances, 1)


def box_loss(reach: Tensor, targets: Targets, stride: int) -> Tensor:
    """Return 1 - GIoU over the places of boxes (Rezatofighi et al., CVPR 2019), weighted."""
    made = corners_at(reach.float(), stride)
    weight = targets.weight
    return (weight * (1 - giou(made, targets.corners))).sum() / weight.sum().clamp(min=1e-6)


def class_loss(logits: Tensor, targets: Targets) -> Tensor:
    """Return the cross-entropy of classes over the places of boxes, weighted as boxes are."""
    entropy = functional.cross_entropy(logits.float(), targets.labels, reduction="none")
    weight = targets.weight
    return (weight * entropy).sum() / weight.sum().clamp(min=1e-6)


def corners_at(reach: Tensor, stride: int) -> Tensor:
    """Return (B, 4, h, w) left, top, right, bottom [px] of distances (B, 4, h, w) [strides]."""
    height, width = reach.shape[2:]
    y = (torch.arange(height, device=reach.device, dtype=reach.dtype) + 0.5)[:, None]
    x = (torch.arange(width, device=reach.device, dtype=reach.dtype) + 0.5)[None, :]
    left, top, right, bottom = reach.unbind(dim=1)
    return stride * torch.stack([x - left, y - top, x + right, y + bottom], dim=1)


def giou(first: Tensor, second: Tensor) -> Tensor:
    """Return the generalized IoU, -1 to 1, of boxes whose corners are along dimension 1."""
    x0, y0, x1, y1 = first.unbind(dim=1)
    u0, v0, u1, v1 = second.unbind(dim=1)
    width = (torch.minimum(x1, u1) - torch.maximum(x0, u0)).clamp(min=0)
    height = (torch.minimum(y1, v1) - torch.maximum(y0, v0)).clamp(min=0)
    both = width * height
    union = (x1 - x0) * (y1 - y0) + (u1 - u0) * (v1 - v0) - both
    hull = (torch.maximum(x1, u1) - torch.minimum(x0, u0)) * (
        torch.maximum(y1, v1) - torch.minimum(y0, v0)
    )
    return both / union.clamp(min=1e-6) - (hull - union) / hull.clamp(min=1e-6)


def decode(
    heat: Tensor, classes: Tensor, reach: Tensor, stride: int, most: int
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """Return the boxes of a batch's peaks, highest first; a peak may come with several classes.

    Args:
        heat: (B, h, w) logits.
        classes: (B, C, h, w) logits.
        reach: (B, 4, h, w) [strides].
        stride: [px].
        most: boxes an image.

    Returns:
        (B, K, 4) left, top, right, bottom [px]; (B, K) labels; (B, K) scores, of centre times class.
    """
    probability = torch.sigmoid(heat.float())
    highest = functional.max_pool2d(probability[:, None], PEAK, stride=1, padding=PEAK // 2)[:, 0]
    peaks = torch.where(probability == highest, probability, torch.zeros_like(probability))
    joint = peaks[:, None] * torch.softmax(classes.float(), dim=1)
    places = heat.shape[1] * heat.shape[2]
    scores, chosen = joint.flatten(1).topk(min(most, joint[0].numel()), dim=1)
    corners = corners_at(reach.float(), stride).flatten(2)
    at = (chosen % places)[:, None].expand(-1, 4, -1)
    boxes = corners.gather(2, at).transpose(1, 2)
    return boxes.cpu().numpy(), (chosen // places).cpu().numpy(), scores.cpu().numpy()


def suppressed(
    boxes: NDArray[np.float32],
    labels: NDArray[np.int64],
    scores: NDArray[np.float32],
    overlap: float,
) -> NDArray[np.int64]:
    """Return places of the boxes (N, 4; corners) that no better one covers, best first.

    Args:
        boxes: (N, 4) left, top, right, bottom.
        labels: (N,).
        scores: (N,).
        overlap: largest IoU with a better box of the same class.
    """
    kept: list[int] = []
    for place in np.argsort(-scores, kind="stable"):
        same = [one for one in kept if labels[one] == labels[place]]
        if (overlaps(boxes[place], boxes[same]) <= overlap).all():
            kept.append(int(place))
    return np.array(kept, np.int64)


def overlaps(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the IoU of a box (4,) with others (N, 4), by their corners."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    both = np.prod(np.clip(high - low, 0, None), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1)
    union = np.prod(box[2:] - box[:2]) + areas - both
    shares: NDArray[np.float32] = both / np.maximum(union, 1e-9)
    return shares


def _bump(box: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return a Gaussian (h, w), 1 at the cell of the middle of a box [cells], 0 beyond its reach."""
    radius = np.maximum(box[2:] * SPREAD / 2, 0.5)
    sigma = (2 * radius + 1) / 6
    centre = np.clip(np.floor(box[:2] + box[2:] / 2), 0, [size[1] - 1, size[0] - 1])
    x = np.arange(size[1]) - centre[0]
    y = np.arange(size[0]) - centre[1]
    across = np.where(np.abs(x) <= radius[0], np.exp(-(x**2) / (2 * sigma[0] ** 2)), 0)
    down = np.where(np.abs(y) <= radius[1], np.exp(-(y**2) / (2 * sigma[1] ** 2)), 0)
    bump: NDArray[np.float32] = np.outer(down, across).astype(np.float32)
    return bump
