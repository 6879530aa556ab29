"""Anti-aliasing by the shape of edges, against the exact coverage of half-planes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from simkit.assets.primitives import primitives
from simkit.errors import RenderError
from simkit.render import CHANNELS
from simkit.render.gl import Gl, GlOptions
from simkit.render.gl.smoothing import REACH, smooth_edges
from simkit.scene import Body, Camera, Scene

SIDE, FINER = 64, 16
SLOPES = (0.0, 0.07, 0.15, 0.3, 0.5, 0.8, 0.9, -0.2, -0.6)


def half_plane(
    slope: float, offset: float, upright: bool
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return whether pixels' centres lie below a line, and how much of each pixel does."""
    place = (np.arange(SIDE * FINER) + 0.5) / FINER - 0.5
    below = place[:, None] > slope * (place - SIDE / 2) + SIDE / 2 + offset
    share = below.reshape(SIDE, FINER, SIDE, FINER).mean(axis=(1, 3))
    centre = np.arange(SIDE)
    hit = centre[:, None] > slope * (centre - SIDE / 2) + SIDE / 2 + offset
    return (hit.T, share.T) if upright else (hit, share)


def smoothed(ids: NDArray[np.bool_], depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the colours after smoothing an image of 1 where `ids`, else 0."""
    colors = np.repeat(ids[..., None], 3, axis=2).astype(np.float32)
    smooth_edges(colors, ids.astype(np.int32), depth)
    return colors


@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize("slope", SLOPES)
def test_a_straight_edge_gets_its_coverage(slope: float, upright: bool) -> None:
    errors, stairs = [], []
    inner = np.s_[10:-10, 10:-10]
    for offset in (0.1, 0.3, 0.7):
        hit, share = half_plane(slope, offset, upright)
        found = smoothed(hit, np.ones(hit.shape, dtype=np.float32))
        assert (found[..., 0] == found[..., 2]).all()
        at_edge = ((share > 0) & (share < 1))[inner]
        if at_edge.any():
            errors.append(np.abs(found[..., 0] - share)[inner][at_edge].mean())
            stairs.append(np.abs(hit - share)[inner][at_edge].mean())
    if abs(slope) >= 1.5 / REACH:
        assert np.mean(errors) < 0.13
        assert np.mean(errors) < 0.7 * np.mean(stairs)
    elif slope > 0:  # nearly level: runs are longer than what is looked at
        assert np.mean(errors) <= np.mean(stairs)


def test_nothing_changes_away_from_edges() -> None:
    rng = np.random.default_rng(0)
    hit, _ = half_plane(0.3, 0.2, False)
    colors = rng.uniform(size=(SIDE, SIDE, 3)).astype(np.float32)
    ids, depth = hit.astype(np.int32), np.ones((SIDE, SIDE), dtype=np.float32)
    before = colors.copy(), ids.copy(), depth.copy()
    smooth_edges(colors, ids, depth)
    assert (ids == before[1]).all()
    assert (depth == before[2]).all()
    beside = np.zeros_like(hit)
    for axis in (0, 1):
        differs = np.diff(hit, axis=axis)
        first, second = (np.s_[:-1], np.s_[1:]) if axis == 0 else (np.s_[:, :-1], np.s_[:, 1:])
        beside[first] |= differs
        beside[second] |= differs
    changed = (colors != before[0]).any(axis=2)
    assert changed.any()
    assert not (changed & ~beside).any()
    smooth_edges(colors := before[0].copy(), np.zeros_like(ids), depth)
    assert (colors == before[0]).all()


def test_a_jump_of_depth_on_one_body_is_an_edge_and_a_slope_is_none() -> None:
    hit, _ = half_plane(0.4, 0.2, False)
    ids = np.ones((SIDE, SIDE), dtype=np.int32)
    colors = np.repeat(hit[..., None], 3, axis=2).astype(np.float32)
    step = np.where(hit, 1.0, 1.2).astype(np.float32)
    found = colors.copy()
    smooth_edges(found, ids, step)
    assert ((found > 0.1) & (found < 0.9)).any()
    tilted = np.broadcast_to(np.linspace(1.0, 1.5, SIDE, dtype=np.float32)[:, None], (SIDE, SIDE))
    found = colors.copy()
    smooth_edges(found, ids, np.ascontiguousarray(tilted))
    assert (found == colors).all()


def test_the_option_changes_colours_at_edges_alone() -> None:
    bodies = (Body("ball", "simkit:sphere", (0, 0, 1), scale=(0.3,) * 3),)
    scene = Scene(bodies, ambient=(1.0, 1.0, 1.0))
    camera = Camera(80, 60, ((90.0, 0.0, 39.5), (0.0, 90.0, 29.5), (0.0, 0.0, 1.0)))
    frames = {}
    for edges in ("shape", "samples", "none"):
        try:
            options = GlOptions(antialias=False) if edges == "none" else GlOptions(edges=edges)
            renderer = Gl(options, primitives())
        except RenderError as error:
            pytest.skip(f"no EGL: {error}")
        frames[edges] = renderer.render(scene, camera, CHANNELS)
        renderer.close()
    for name in CHANNELS.keys() - {"rgb"}:
        for edges in ("shape", "samples"):
            assert (frames[edges].channels[name] == frames["none"].channels[name]).all(), name
    by_shape, by_samples, plain = (frames[k].rgb for k in ("shape", "samples", "none"))
    rim = np.abs(by_samples - plain).max(axis=2) > 1e-3
    off, stairs = (np.abs(one - by_samples)[rim].mean() for one in (by_shape, plain))
    assert off < 0.75 * stairs
