"""An active stereo depth camera, as Intel's RealSense D400: two infrared eyes and a dot projector."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from simkit.assets.color import LUMINANCE
from simkit.assets.library import Library
from simkit.contracts import Params, how_often
from simkit.distributions import Constant, Distribution, Uniform
from simkit.errors import ConfigError, SceneError
from simkit.options import draw_all, setting, varied
from simkit.scene import Camera, Scene, matrix3, vec3
from simkit.sensors import Image, Sensor, Shot
from simkit.sensors.electrons import Well
from simkit.sensors.matching import match
from simkit.sensors.projector import dots, illuminate, photograph
from simkit.sensors.reproject import Map, incidence, rays_of, register

PRESETS = {
    "d415": (0.055, 65.0, 0.015),
    "d435": (0.050, 87.0, 0.015),
    "d455": (0.095, 87.0, -0.059),
}
"""Baseline [m], horizontal field of view [deg], place of the left eye [m] (Intel's D400 data sheet)."""

SUBPIXEL = (0.032, 0.1)
"""Published disparity noise of the D400 [px]: 0.032 at best on a well textured wall, "best to use
about 0.08" (A. Grunnet-Jepsen, librealsense issue 3904); see `depth_noise` for the law."""


@dataclass
class ActiveStereoOptions:
    """Two infrared eyes, a projector between them, and a matcher."""

    every: str = how_often("view")
    preset: str | None = setting(
        None,
        allowed=(None, *PRESETS),
        help="a camera whose baseline, fov_deg and eye_x take the place of those below",
    )
    baseline: Distribution = varied(
        Constant(0.05), unit="m", low=0.005, high=1.0, help="between the eyes"
    )
    fov_deg: float | None = setting(
        None, unit="deg", low=5.0, high=150.0, help="of the eyes, across; null: as the camera's"
    )
    eye_x: float = setting(
        0.0, unit="m", low=-0.5, high=0.5, help="place of the left eye on the camera's x axis"
    )
    projector: Distribution = varied(
        Constant(1.0), low=0.0, high=100.0, help="its light at 1 m; 0: off, passive stereo"
    )
    ambient: Distribution = varied(
        Uniform(0.0, 0.3), low=0.0, high=100.0, help="other infrared light, in the same units"
    )
    dot_spacing: int = setting(5, unit="px", low=3, high=64, help="between the pattern's dots")
    pattern_seed: int = setting(0, low=0, help="of the dots; each device has its own")
    speckle: float = setting(0.15, low=0.0, high=1.0, help="contrast of the laser's speckle")
    full_well: float = setting(7000.0, low=100.0, help="electrons at full scale")
    read_noise: float = setting(8.0, low=0.0, help="electrons")
    near: float = setting(0.3, unit="m", low=0.05, help="no match is looked for that is closer")
    far: float = setting(6.0, unit="m", low=0.1, help="what is farther is invalid")
    infrared: bool = setting(False, help="store ir_left and ir_right, too")

    def __post_init__(self) -> None:
        if self.preset is not None:
            baseline, self.fov_deg, self.eye_x = PRESETS[self.preset]
            self.baseline = Constant(baseline)
        if self.near >= self.far:
            raise ConfigError(f"near: {self.near} m is not below far, {self.far} m")


class ActiveStereo(Sensor):
    """Depth by matching two rendered infrared images; registered to the camera's own view.

    The eyes are pinholes without blur. Their images are albedo (a render under even light) times
    ambient light and the projected pattern; the projector's shadow is decided by a depth render from
    its place. Shadows, holes, flying pixels and steps come from the matching.
    """

    Options = ActiveStereoOptions

    def __init__(self, options: ActiveStereoOptions, library: Library) -> None:
        super().__init__(options, library)
        pair = {"ir_left": "gray", "ir_right": "gray"} if options.infrared else {}
        self.outputs = {"depth_sensor": "depth", **pair}

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return draw_all(self.options, rng)

    def measure(self, params: Params, shot: Shot) -> dict[str, Image]:
        baseline, options = params["baseline"], self.options
        left = self._eye(shot.camera)
        focal, at = left.cam_K[0][0], options.eye_x
        images = self._infrared(left, at, params, shot)
        disparity = match(images[0], images[1], focal * baseline / options.near)
        depth = np.zeros_like(disparity)
        np.divide(focal * baseline, disparity, out=depth, where=disparity > 0)
        depth[(depth < options.near) | (depth > options.far)] = 0
        if at != 0 or left.cam_K != shot.camera.cam_K or shot.camera.model != "pinhole":
            depth = register(depth, left, shot.camera, -at)
        measured: dict[str, Image] = {"depth_sensor": depth}
        if options.infrared:
            measured.update(ir_left=images[0], ir_right=images[1])
        return measured

    def _infrared(self, left: Camera, at: float, params: Params, shot: Shot) -> list[Image]:
        """Return what both eyes see."""
        options, baseline, focal = self.options, params["baseline"], left.cam_K[0][0]
        flat = replace(shot.scene, lights=(), environment=None, ambient=(1.0, 1.0, 1.0))
        flat = replace(flat, background=(0.0, 0.0, 0.0))
        margin = math.ceil(focal * baseline / options.near / 2) + 1
        beam = _widened(left, margin)
        middle = at + baseline / 2
        shadow = shot.render(_moved(beam, middle), ("depth",), flat).depth
        pattern = dots(beam.height, beam.width, options.dot_spacing, options.pattern_seed)
        rays, rng = rays_of(left), shot.noise()
        well = Well(options.full_well, options.read_noise, bits=8)
        images = []
        for x in (at, at + baseline):
            frame = shot.render(_moved(left, x), ("rgb", "depth"), flat)
            cosine = incidence(frame.depth, rays)
            light = illuminate(frame.depth, rays, cosine, pattern, shadow, focal, middle - x)
            light *= np.float32(params["projector"])
            grain = rng.standard_normal(light.shape, dtype=np.float32)
            light *= np.maximum(1 + np.float32(options.speckle) * grain, 0)
            albedo = sum(np.float32(part) * frame.rgb[..., k] for k, part in enumerate(LUMINANCE))
            signal: Map = albedo * (light + np.float32(params["ambient"]))
            images.append(photograph(signal, well, rng))
        return images

    def _eye(self, camera: Camera) -> Camera:
        """Return the eyes' camera, at the place of the colour camera."""
        if camera.model == "equirectangular":
            raise SceneError(
                "active_stereo: the depth of an equirectangular camera is no z-depth; use another model"
            )
        cam_K = camera.cam_K
        if self.options.fov_deg is not None:
            focal = camera.width / 2 / math.tan(math.radians(self.options.fov_deg) / 2)
            middle = ((camera.width - 1) / 2, (camera.height - 1) / 2)
            cam_K = matrix3([[focal, 0, middle[0]], [0, focal, middle[1]], [0, 0, 1]])
        return Camera(
            camera.width, camera.height, cam_K, camera.position, camera.quaternion, camera.near,
            camera.far,
        )  # fmt: skip


def depth_noise(z: Map, focal: float, baseline: float, disparity_noise: float) -> Map:
    """Return the standard deviation [m] of stereo depth at z [m]: z^2 / (f b) times the disparity's.

    Keselman et al., "Intel RealSense Stereoscopic Depth Cameras", CVPR workshops 2017, equation 2;
    Intel's "Tuning depth cameras for best performance" calls it the depth RMS error.
    """
    return z**2 / (focal * baseline) * disparity_noise


def _moved(camera: Camera, x: float) -> Camera:
    """Return the camera moved along its x axis [m]."""
    right = camera.T_world_camera[:3, 0]
    return replace(camera, position=vec3(np.array(camera.position) + x * right))


def _widened(camera: Camera, margin: int) -> Camera:
    """Return the camera with `margin` more columns on each side."""
    K = camera.K
    K[0, 2] += margin
    return replace(camera, width=camera.width + 2 * margin, cam_K=matrix3(K))
