"""Stereo matching: two rectified images to disparity."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.sensors.reproject import Map

Gray = NDArray[np.uint8]

BLOCK = 5
"""Side of the blocks that are compared [px]."""

WINDOW = 9
"""Side of the windows in which disparity is refined [px]."""

ROUNDS = 2
UNIQUENESS = 10
"""By how many percent the best match must be better than the second."""

SPECKLE = (100, 2)
"""Islands of at most so many pixels, whose disparity differs by more [px] from what is around, go."""

STEP = 1 / 32
"""Disparity is given in steps of this [px], as Intel's D400 does (Grunnet-Jepsen et al., "Subpixel
Linearity Improvement for Intel RealSense Depth Camera D400 Series")."""

_FINE = 16
"""The matcher's steps a pixel."""

_TEXTURED = 1.0
"""Least sum of squared gradients in a window for which refinement has a solution."""


def match(left: Gray, right: Gray, most: float) -> Map:
    """Return the disparity (H, W) float32 [px] of the left image, 0 where no match was found.

    Semi-global matching (Hirschmueller, TPAMI 2008; OpenCV's ``StereoSGBM`` in three directions)
    with a uniqueness test, left-right consistency within 1 px and a speckle filter. Its parabola
    through three costs pulls disparities to whole pixels, by up to a quarter of one, so they are
    refined: least squares of the intensity differences in a window (Lucas and Kanade, IJCAI 1981).

    Args:
        left, right: (H, W) uint8, rectified.
        most: greatest disparity that is looked for [px].
    """
    count = max(16, 16 * int(np.ceil(most / 16)))
    border = (0, 0, count, 0)  # the matcher gives nothing for its first `count` columns
    matcher = cv2.StereoSGBM.create(
        minDisparity=0, numDisparities=count, blockSize=BLOCK,
        P1=8 * BLOCK**2, P2=32 * BLOCK**2, disp12MaxDiff=1, preFilterCap=63,
        uniquenessRatio=UNIQUENESS, mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
    )  # fmt: skip
    padded = [cv2.copyMakeBorder(one, *border, cv2.BORDER_CONSTANT) for one in (left, right)]
    found = np.maximum(matcher.compute(*padded)[:, count:], 0)
    found[found > (np.arange(left.shape[1]) - BLOCK // 2) * _FINE] = 0  # beyond the right image
    cv2.filterSpeckles(found, 0, SPECKLE[0], SPECKLE[1] * _FINE)
    disparity = found.astype(np.float32) / np.float32(_FINE)
    refined = _refine(left.astype(np.float32), right.astype(np.float32), disparity)
    steps: Map = np.round(refined / np.float32(STEP)) * np.float32(STEP)
    return steps


def _refine(left: Map, right: Map, disparity: Map) -> Map:
    """Return disparity by least squares: left(x) = right(x - d) - slope (d' - d) for one d' a window."""
    columns = np.arange(left.shape[1], dtype=np.float32)
    rows = np.repeat(np.arange(left.shape[0], dtype=np.float32)[:, None], left.shape[1], axis=1)
    slope = cv2.filter2D(right, cv2.CV_32F, np.array([[-0.5, 0.0, 0.5]], dtype=np.float32))
    weight = (disparity > 0).astype(np.float32)
    refined = disparity
    for _ in range(ROUNDS):
        place = columns - refined
        steep = cv2.remap(slope, place, rows, cv2.INTER_LINEAR) * weight
        differs = left - cv2.remap(right, place, rows, cv2.INTER_CUBIC)
        above = cv2.boxFilter(
            steep * (steep * refined - differs), -1, (WINDOW, WINDOW), normalize=False
        )
        below = cv2.boxFilter(steep * steep, -1, (WINDOW, WINDOW), normalize=False)
        solved = np.divide(above, below, out=disparity.copy(), where=below > _TEXTURED)
        refined = np.where(np.abs(solved - disparity) < 1, solved, disparity) * weight
    return np.maximum(refined, 0)
