"""Oriented boxes in the image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from simkit.labels import Annotator, View


class ObbVisib(Annotator):
    """The rectangle of least area around each instance's `mask_visib`; None if it is empty.

    A dict: ``center`` (x, y) [px], ``size`` (width, height) [px], ``angle_deg`` in [0, 90) by which
    the width's side is turned from x towards y, and ``corners`` (4, 2) [px], clockwise as seen. It
    holds whole pixels, from half a pixel before a pixel's centre to half a pixel behind it.
    """

    requires = ("mask_visib",)

    def annotate(self, view: View, labels: Mapping[str, Any]) -> list[dict[str, Any] | None]:
        return [_rectangle(mask) for mask in labels["mask_visib"]]


def _rectangle(mask: np.ndarray) -> dict[str, Any] | None:
    rows = np.flatnonzero(mask.any(axis=1))
    if rows.size == 0:
        return None
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - 1 - mask[rows][:, ::-1].argmax(axis=1)
    ends = [(x, y) for x, y in ((first - 0.5, rows), (last + 0.5, rows))]
    corners = np.array([np.stack([x, y + d], axis=1) for x, y in ends for d in (-0.5, 0.5)])
    around = cv2.boxPoints(cv2.minAreaRect(corners.reshape(-1, 2).astype(np.float32)))
    center, side, other = around.mean(axis=0), around[1] - around[0], around[2] - around[1]
    turn = math.atan2(float(side[1]), float(side[0])) % math.pi
    size = [float(np.hypot(*side)), float(np.hypot(*other))]
    if turn >= math.pi / 2:
        turn, size = turn - math.pi / 2, size[::-1]
    across = np.array([math.cos(turn), math.sin(turn)]) * size[0] / 2
    down = np.array([-math.sin(turn), math.cos(turn)]) * size[1] / 2
    turned = [center - across - down, center + across - down, center + across + down]
    return {
        "center": [float(center[0]), float(center[1])],
        "size": size,
        "angle_deg": math.degrees(turn),
        "corners": [one.tolist() for one in (*turned, center - across + down)],
    }
