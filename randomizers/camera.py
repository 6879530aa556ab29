"""Where the camera is, and what it is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from simkit.contracts import Params, Randomizer
from simkit.distributions import Distribution, Uniform
from simkit.errors import ConfigError
from simkit.geometry import direction, look_at, quaternion_of
from simkit.options import draw_all, setting, varied
from simkit.scene import Camera, Scene, matrix3, quaternion, vec3


@dataclass
class CameraOptions:
    """A pinhole camera on a shell around the objects."""

    width: int = setting(640, unit="px", low=8, high=16384, help="of the image")
    height: int = setting(480, unit="px", low=8, high=16384, help="of the image")
    cam_K: list[float] | None = setting(
        None,
        unit="px",
        help="nine intrinsics row by row, top left pixel centre at (0, 0); else fov_deg",
    )
    fov_deg: Distribution = varied(
        Uniform(45.0, 60.0), unit="deg", low=1, high=170, help="horizontal field of view"
    )
    distance: Distribution = varied(
        Uniform(0.5, 0.9), unit="m", low=0.01, high=1000, help="to the target"
    )
    azimuth_deg: Distribution = varied(
        Uniform(0.0, 360.0), unit="deg", low=-360, high=360, help="about the world's z axis"
    )
    elevation_deg: Distribution = varied(
        Uniform(25.0, 75.0), unit="deg", low=-90, high=90, help="90: straight from above"
    )
    roll_deg: Distribution = varied(
        Uniform(-10.0, 10.0), unit="deg", low=-360, high=360, help="about the viewing direction"
    )
    jitter: Distribution = varied(
        Uniform(-0.04, 0.04), unit="m", low=-10, high=10, help="of the target, along each axis"
    )
    near: float = setting(0.02, unit="m", low=1e-4, help="nothing closer is drawn")
    far: float = setting(50.0, unit="m", low=1e-3, help="nothing farther is drawn")

    def __post_init__(self) -> None:
        if self.near >= self.far:
            raise ConfigError(f"near: {self.near} m is not below far, {self.far} m")
        if self.cam_K is None:
            return
        if len(self.cam_K) != 9:
            raise ConfigError(f"cam_K: has {len(self.cam_K)} numbers; give nine, row by row")
        if self.cam_K[0] <= 0 or self.cam_K[4] <= 0 or self.cam_K[6:] != [0.0, 0.0, 1.0]:
            raise ConfigError("cam_K: needs positive focal lengths and a last row of 0, 0, 1")


class CameraPlacement(Randomizer):
    """Looks at the mean position of the labelled bodies (or the world's origin) from around it."""

    Options = CameraOptions
    stage = "view"
    places_camera = True

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        drawn = draw_all(self.options, rng, skip=("jitter",))
        return {**drawn, "jitter": [self.options.jitter.sample(rng) for _ in range(3)]}

    def apply(self, scene: Scene, params: Params) -> Scene:
        positions = [body.position for _, body in scene.labelled()]
        middle = np.mean(positions, axis=0) if positions else np.zeros(3)
        target = middle + params["jitter"]
        azimuth, elevation = np.deg2rad([params["azimuth_deg"], params["elevation_deg"]])
        eye = target + params["distance"] * direction(azimuth, elevation)
        T_world_camera = look_at(eye, target, math.radians(params["roll_deg"]))
        camera = Camera(
            width=self.options.width,
            height=self.options.height,
            cam_K=matrix3(self._cam_K(params["fov_deg"])),
            position=vec3(eye),
            quaternion=quaternion(quaternion_of(T_world_camera)),
            near=self.options.near,
            far=self.options.far,
        )
        return replace(scene, camera=camera)

    def _cam_K(self, fov_deg: float) -> np.ndarray:
        options = self.options
        if options.cam_K is not None:
            return np.array(options.cam_K).reshape(3, 3)
        focal = options.width / 2 / math.tan(math.radians(fov_deg) / 2)
        return np.array(
            [[focal, 0, (options.width - 1) / 2], [0, focal, (options.height - 1) / 2], [0, 0, 1]]
        )
