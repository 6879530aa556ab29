"""The colours: pixel centres first, then more samples where edges are, or lens and exposure blur."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simkit.assets.library import Library
from simkit.render.embree import passes
from simkit.render.embree.bands import Band, Seen, bands_of, blurs, lens_of, rays_of, spread_of
from simkit.render.embree.blur import UNSEEN, blur_extents, shadowed, sweeps, widened
from simkit.render.embree.memory import Memory
from simkit.render.embree.packing import Packed
from simkit.render.embree.refine import edges, refine
from simkit.render.embree.samples import blur_offsets, edge_offsets, tiled
from simkit.scene import Camera, Scene

if TYPE_CHECKING:
    from simkit.render.embree import EmbreeOptions

SAMPLED_BY = ((0.0, 1), (16.0, 2), (48.0, 4))
"""Pixels that are blurred by more [px] take so many times the samples that the options say, but for those
whose samples take light of their own."""

DIFFERS = 0.08
"""Difference of brightness (a square root) among a pixel's first samples that asks for all of them."""

_NONE = np.zeros((0, 0, 3), dtype=np.float32)


class Picture:
    """Draws one picture.

    Args:
        options: how much work goes into it.
        memory: the working memory.
        scene, camera, packed, library: what is drawn.
        bands: the scene in the middle of the exposure.
        seen: what pixel centres see; `draw` fills it unless it has been traced.
    """

    def __init__(
        self,
        options: EmbreeOptions,
        memory: Memory,
        scene: Scene,
        camera: Camera,
        packed: Packed,
        library: Library,
        bands: list[Band],
        seen: Seen,
    ) -> None:
        self._options, self._bands, self._seen = options, bands, seen
        self._memory, self._scratch = memory.address, memory
        self._scene, self._camera, self._packed, self._library = scene, camera, packed, library
        self._shape = (camera.height, camera.width)
        self._rgb, self._normals = self._image(3), self._image(3)
        self._light = np.zeros(self._shape, dtype=np.float32)
        self._rays = options.ao_samples if scene.environment is not None else 0
        self._gathered: NDArray[np.float32] = np.zeros((0, 0, 4), dtype=np.float32)
        self._blurred = blurs(scene, camera)
        self._local = _NONE
        if options.aa_samples or self._blurred:
            self._local = memory.image("local", *self._shape)

    def draw(self, camera_normals: NDArray[np.float32], traced: bool) -> NDArray[np.float32]:
        """Return the colours (H, W, 3); fill the normals' label too, if it has a size.

        What pixel centres see is filled as well, unless it has been `traced`.
        """
        if self._rays:
            self._gather()
        self._shade(camera_normals, traced)
        sharp = self._scratch.image("sharp", *self._shape)
        np.copyto(sharp, self._rgb)
        extents = None
        if self._blurred:
            extents = blur_extents(
                self._scene, self._camera, self._library, self._seen.body, self._seen.reach,
                rays_of(lens_of(self._camera)), spread_of(self._camera),
            )  # fmt: skip
        if self._options.aa_samples:
            self._antialias(sharp, extents)
        if extents is not None:
            self._blur(sharp, extents)
        return self._rgb

    def _image(self, channels: int) -> NDArray[np.float32]:
        return np.zeros((*self._shape, channels), dtype=np.float32)

    def _hit(self) -> tuple[NDArray[np.generic], ...]:
        seen = self._seen
        return seen.body, seen.face, seen.place, seen.reach

    def _gather(self) -> None:
        raw = self._image(4)
        for band in self._bands:
            passes.gather_pass(
                band.world.address, self._memory, band.first, band.last, band.side, self._rays,
                self._options.indirect, *self._hit(), raw, self._normals,
            )  # fmt: skip
        self._gathered = np.zeros_like(raw)
        passes.smooth_gathered(
            raw, self._normals, self._seen.body, self._seen.reach, self._gathered
        )

    def _shade(self, camera_normals: NDArray[np.float32], traced: bool) -> None:
        whole = shaded = _NONE
        if self._packed.soft_shadows:
            whole, shaded = (
                self._scratch.image(name, *self._shape) for name in ("whole", "shaded")
            )
        for band in self._bands:
            passes.shade(
                band.world.address, self._memory, band.first, band.last, band.side,
                self._options.shadow_samples, traced, *self._hit(), self._gathered, self._rgb,
                self._normals, self._light, camera_normals, self._local, whole, shaded,
            )  # fmt: skip
        if self._packed.soft_shadows:
            passes.smooth_shadows(
                whole, shaded, self._normals, self._seen.body, self._seen.reach, self._rgb, self._light
            )  # fmt: skip

    def _antialias(self, sharp: NDArray[np.float32], extents: NDArray[np.float32] | None) -> None:
        found, lit = np.zeros(self._shape, dtype=np.bool_), np.zeros(self._shape, dtype=np.bool_)
        edges(*self._hit()[:2], self._seen.reach, self._normals, self._light, found, lit)
        if extents is not None:
            found &= extents <= UNSEEN
        offsets = edge_offsets(self._options.aa_samples)
        pixels = np.argwhere(found)
        pixels = pixels[np.argsort(lit[pixels[:, 0], pixels[:, 1]], kind="stable")]
        self._refine(self._bands, pixels, lit, offsets, False, sharp)

    def _blur(self, sharp: NDArray[np.float32], extents: NDArray[np.float32]) -> None:
        """Sample blurred pixels: by a quarter of the samples first, by all where these differ."""
        lit = np.zeros(self._shape, dtype=np.bool_)
        movers = sweeps(self._scene, self._camera, self._library, spread_of(self._camera))
        if len(movers) and self._packed.shadows:
            for band in self._bands:
                shadowed(
                    band.world.address, band.first, band.last, self._seen.body, self._seen.reach,
                    movers, lit,
                )  # fmt: skip
        low, high = np.zeros(self._shape, np.float32), np.zeros(self._shape, np.float32)
        base = self._options.blur_samples
        first = (extents > UNSEEN) | lit
        offsets = blur_offsets(max(base // 4, 1))
        most = base * max(times for above, times in SAMPLED_BY if extents.max(initial=0.0) >= above)
        bands = bands_of(self._scene, self._camera, self._packed, most)
        self._refine(bands, tiled(first), lit, offsets, True, sharp, low, high)
        differ = np.where(first & (high - low > DIFFERS), np.maximum(extents, 1.0), 0.0)
        again = first & (widened(differ.astype(np.float32), 0.25) > 0)
        extents[lit] = 0.0
        for (above, times), (below, _) in zip(
            SAMPLED_BY, (*SAMPLED_BY[1:], (np.inf, 0)), strict=True
        ):
            mask = again & (extents >= above) & (extents < below)
            self._refine(bands, tiled(mask), lit, blur_offsets(base * times), True, sharp)

    def _refine(
        self,
        bands: list[Band],
        pixels: NDArray[np.int64],
        lit: NDArray[np.bool_],
        offsets: NDArray[np.float64],
        fresh: bool,
        sharp: NDArray[np.float32],
        low: NDArray[np.float32] = _NONE[..., 0],
        high: NDArray[np.float32] = _NONE[..., 0],
    ) -> None:
        """Sample pixels (P, 2); those in `lit` (H, W) with light of each sample's own."""
        options = self._options
        few = max(self._rays // 4, min(self._rays, 1)) if fresh else self._rays
        soft = max(options.shadow_samples // 4, 1) if fresh else options.shadow_samples
        for band in bands:
            rows = pixels
            if len(bands) > 1:
                rows = pixels[(pixels[:, 0] >= band.first) & (pixels[:, 0] < band.last)]
            if len(rows):
                refine(
                    band.world.address, self._memory, rows, lit, offsets, soft, few, options.indirect,
                    fresh, self._seen.body, self._normals, self._gathered, self._local, sharp,
                    self._rgb, low, high,
                )  # fmt: skip
