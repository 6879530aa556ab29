"""The `embree` renderer: rays by Embree and compiled shading, on the CPU, with nothing but pip.

It is the reference for labels: each pixel's centre is one ray, whatever the camera's model, and
where it ends is computed in double precision. Labels are those of a sharp picture: of the middle of
the exposure, with a rolling shutter of each row's own middle; lens and motion blur only touch
colours. Normals are the mesh's vertex normals, interpolated, on the side of the face that is seen,
and bent to a right angle where they would look away from the camera; normal maps do not enter.
What depth and clipping mean for wide cameras stands in `simkit.cameras`.

Colours are linear radiance, which may be above 1. They follow `simkit.render.brdf`. An environment
gives light by spherical harmonics and prefiltered reflections, under occlusion found by rays; rays
that meet a body bring one bounce of its colour. Lights cast exact shadows, soft ones by samples that
neighbours share out. Pixels at edges get more samples, and so do those that lens or exposure blur;
these samples take the colour that a pixel's centre has of the same place in the middle of the exposure,
but for shadows of what moves. A backdrop is a pixel's own colour in all of
its samples, so that edges blend into it and no lens or motion blurs it; where a lens sees nothing at
all, the picture stays black.

Results do not depend on the number of threads (there is one), nor on what was rendered before.
Compiled code fuses and reorders nothing, so it computes the same on all processors; only Embree
itself and the C library's sine, power and the like (soft lights, spots, environments) may use a
processor's own instructions, and differ in the last digits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simkit import embree
from simkit.assets.library import Library
from simkit.options import setting
from simkit.render import Frame, Renderer
from simkit.render.embree import passes
from simkit.render.embree.bands import Band, Seen, bands_of, lens_of, rays_of
from simkit.render.embree.memory import Memory
from simkit.render.embree.packing import Packer
from simkit.render.embree.picture import Picture
from simkit.scene import Camera, Scene


@dataclass
class EmbreeOptions:
    """How much work goes into a picture; labels do not depend on it."""

    aa_samples: int = setting(4, low=0, high=64, help="more samples in pixels at edges")
    blur_samples: int = setting(
        16,
        low=1,
        high=256,
        help="samples where lens or exposure blur; fewer where they agree, more in wide blur",
    )
    shadow_samples: int = setting(8, low=1, high=256, help="shadow rays a point and soft light")
    ao_samples: int = setting(
        4, low=0, high=64, help="rays a point for the environment's occlusion; 0: unoccluded"
    )
    indirect: bool = setting(True, help="these rays bring light from the bodies that they meet")


class Embree(Renderer):
    """Embree behind the common protocol; see the module's docstring."""

    Options = EmbreeOptions
    channels = frozenset(
        {"rgb", "depth", "instance", "normal", "object_coords", "triangle", "barycentric"}
    )
    remedy = "pip install --force-reinstall 'embreex>=4.4' numba"

    def __init__(self, options: EmbreeOptions, library: Library) -> None:
        super().__init__(options, library)
        embree.engine()
        self._packer = Packer(library)
        self._memory = Memory()

    @property
    def driver(self) -> str:
        return f"Embree {embree.version()}, compiled by Numba"

    def close(self) -> None:
        self._packer = Packer(self.library)

    def draw(self, scene: Scene, camera: Camera, channels: frozenset[str]) -> Frame:
        packed = self._packer.pack(scene, "rgb" in channels)
        bands = bands_of(scene, camera, packed)
        seen = Seen(camera)
        rays = self.options.ao_samples if scene.environment is not None else 0
        traced = "rgb" not in channels or rays > 0
        for band in bands if traced else []:
            passes.trace(
                band.world.address, self._memory.address, band.first, band.last, band.side, seen.body,
                seen.face, seen.place, seen.reach,
            )  # fmt: skip
        normal = np.zeros((0, 0, 3), dtype=np.float32)
        if "normal" in channels:
            normal = np.zeros((camera.height, camera.width, 3), dtype=np.float32)
        frame: dict[str, NDArray[np.generic]] = {}
        if "rgb" in channels:
            picture = Picture(
                self.options, self._memory, scene, camera, packed, self.library, bands, seen
            )
            frame["rgb"] = picture.draw(normal, traced)
        frame.update(_labels(bands, seen, camera, channels, self._memory, normal))
        return Frame(frame)


def _labels(
    bands: list[Band],
    seen: Seen,
    camera: Camera,
    channels: frozenset[str],
    memory: Memory,
    normal: NDArray[np.float32],
) -> dict[str, NDArray[np.generic]]:
    """Return the channels that are labels; `normal` is filled unless shading has done so."""
    none = np.zeros((0, 0, 3), dtype=np.float32)
    coords = none
    if "object_coords" in channels:
        coords = np.zeros((camera.height, camera.width, 3), dtype=np.float32)
    shaded = bool(normal.any())
    exact = "object_coords" in channels or "barycentric" in channels
    if exact or ("normal" in channels and not shaded):
        for band in bands:
            passes.labels(
                band.world.address, memory.address, band.first, band.last, band.side, exact,
                seen.body, seen.face, seen.place, seen.reach, none if shaded else normal, coords,
            )  # fmt: skip
    made: dict[str, NDArray[np.generic]] = {}
    if "instance" in channels:
        made["instance"] = seen.body + np.int32(1)
    if "depth" in channels:
        made["depth"] = _depth(seen, camera)
    if "triangle" in channels:
        made["triangle"] = seen.face.copy()
    if "barycentric" in channels:
        made["barycentric"] = seen.place.copy()
    if "normal" in channels:
        made["normal"] = normal
    if "object_coords" in channels:
        made["object_coords"] = coords
    return made


def _depth(seen: Seen, camera: Camera) -> NDArray[np.float32]:
    """Return the depth channel, as `simkit.cameras` defines it."""
    if camera.model != "kannala_brandt":
        return seen.reach.copy()
    along = np.nan_to_num(rays_of(lens_of(camera))[1:-1, 1:-1, 2])
    return (seen.reach * np.maximum(along, 0.0)).astype(np.float32)
