"""Anti-aliasing of colours by the shape of the edges between bodies, without drawing anything anew.

Morphological anti-aliasing (Reshetov, "Morphological Antialiasing", 2009), with edges known from
ids and depths, not guessed from colours. The border between two rows of pixels is cut into runs;
where a run ends the border steps up or down, which tells the slope of the true edge, and so how
much of each pixel beside it lies on the edge's other side. Columns are treated as rows are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simkit.compiled import compiled

JUMP = 0.05
"""Of depth between neighbours on one body that is an edge, relative."""

REACH = 8.0
"""Pixels from a step over which the edge's slope is taken to go on."""

_NEAREST = np.float32(1e-6)

Flat = NDArray[np.intp]


def smooth_edges(
    rgb: NDArray[np.float32], instance: NDArray[np.int32], depth: NDArray[np.float32]
) -> None:
    """Mix colours (H, W, 3) across edges, in place.

    Args:
        rgb: linear, contiguous.
        instance: (H, W) ids.
        depth: (H, W) [m], 0 where nothing is.
    """
    height, width = instance.shape
    below = np.zeros((height + 1, width + 1), dtype=np.bool_)  # an edge to the pixel below; padded
    right = np.zeros_like(below)
    _differ(instance, depth, below, right)
    colors = rgb.reshape(-1, 3)
    mixed = [
        *_mixed(below, right, colors, (1, width)),
        *_mixed(np.ascontiguousarray(right.T), below.T, colors, (width, 1)),
    ]
    for pixels, change in mixed:
        colors[pixels] += change


@compiled
def _differ(instance, depth, below, right):  # type: ignore[no-untyped-def]
    """Mark where a pixel and the one below, or to its right, lie on two surfaces."""
    height, width = instance.shape
    one, steep = np.float32(1.0), np.float32(1.0 / JUMP)
    for row in range(height):
        for column in range(width):
            near = one / max(depth[row, column], _NEAREST)
            if row + 1 < height:
                jump = abs(near - one / max(depth[row + 1, column], _NEAREST)) * steep
                other = instance[row, column] != instance[row + 1, column]
                below[row, column] = other or jump > near
            if column + 1 < width:
                jump = abs(near - one / max(depth[row, column + 1], _NEAREST)) * steep
                other = instance[row, column] != instance[row, column + 1]
                right[row, column] = other or jump > near


def _mixed(
    along: NDArray[np.bool_],
    across: NDArray[np.bool_],
    colors: NDArray[np.float32],
    strides: tuple[int, int],
) -> list[tuple[Flat, NDArray[np.float32]]]:
    """Return flat pixels and what to add to their colours, for both sides of the edges `along`.

    Args:
        along: (R, C), edges between row r and the next one.
        across: (R, C), edges between column c and the next one.
        colors: (N, 3) of all pixels.
        strides: of a column and of a row, in flat pixels.
    """
    flat = np.flatnonzero(along)  # several times as fast as `nonzero`
    if len(flat) == 0:
        return []
    line, place = np.divmod(flat, along.shape[1])
    new = np.empty(len(flat), dtype=np.bool_)
    new[0] = True
    new[1:] = flat[1:] != flat[:-1] + 1  # a row ends in padding, which is no edge
    starts = np.flatnonzero(new)
    lengths = np.diff(np.append(starts, len(line)))
    rows, first = line[starts], place[starts]
    last = first + lengths - 1
    half = np.minimum(lengths / 2, REACH).astype(np.float32)
    # A column before the first, index -1, is the padding at the end: no edge.
    once = np.where(
        lengths == 1, np.float32(0.5), np.float32(1.0)
    )  # a run across is its other half
    step_first = once * (across[rows, first - 1].astype(np.float32) - across[rows + 1, first - 1])
    step_last = once * (across[rows, last].astype(np.float32) - across[rows + 1, last])
    run = np.cumsum(new) - 1
    half = half[run]
    share_first = _share(place - first[run], half) * step_first[run]
    share_last = _share(last[run] - place, half) * step_last[run]
    here = line * strides[1] + place * strides[0]
    there = here + strides[1]
    found = []
    for sign, pixels, others in ((1.0, here, there), (-1.0, there, here)):
        share = np.maximum(sign * share_first, 0.0) + np.maximum(sign * share_last, 0.0)
        some = np.flatnonzero(share > 0)
        pixels, others = pixels[some], others[some]
        found.append((pixels, (colors[others] - colors[pixels]) * share[some, None]))
    return found


def _share(distance: Flat, half: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the area under a line from 1/2 at a run's end down to 0 at `half`, within a pixel."""
    far, near = (np.maximum(half - distance - k, 0.0) for k in (1, 0))
    return np.asarray((near * near - far * far) / (4.0 * half), dtype=np.float32)
