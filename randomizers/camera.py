"""Where the camera is, how it moves, and what it sees with."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from simkit.assets.library import Library
from simkit.contracts import Params, Randomizer
from simkit.distributions import Constant, Distribution, Uniform
from simkit.errors import ConfigError
from simkit.geometry import direction, quaternion_of
from simkit.options import section, setting, varied
from simkit.scene import Camera, Scene, matrix3, quaternion, vec3
from simkit.surroundings import LastSurroundings
from simkit.viewpoints import NEAREST, Path, Rejections, ViewRules, broken_rule

PLACES = {"shell": ("distance", "azimuth_deg", "elevation_deg"), "box": ("x", "y", "z")}


@dataclass
class CameraOptions:
    """A pinhole camera that looks at something; sensors may give it a lens."""

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
    focal_jitter: Distribution = varied(
        Constant(1.0), low=0.1, high=10, help="factor on both focal lengths"
    )
    centre_jitter: Distribution = varied(
        Constant(0.0),
        unit="px",
        low=-10000,
        high=10000,
        help="of the principal point, along each axis",
    )
    where: str = setting(
        "shell", allowed=("shell", "box"), help="shell: around the target; box: in the world"
    )
    distance: Distribution = varied(
        Uniform(0.5, 0.9), unit="m", low=NEAREST, high=1000, help="shell: to the target"
    )
    azimuth_deg: Distribution = varied(
        Uniform(0.0, 360.0), unit="deg", low=-360, high=360, help="shell: about the world's z axis"
    )
    elevation_deg: Distribution = varied(
        Uniform(25.0, 75.0), unit="deg", low=-90, high=90, help="shell: 90 is straight from above"
    )
    x: Distribution = varied(Uniform(-0.5, 0.5), unit="m", low=-1000, high=1000, help="box")
    y: Distribution = varied(Uniform(-0.5, 0.5), unit="m", low=-1000, high=1000, help="box")
    z: Distribution = varied(Uniform(0.4, 1.0), unit="m", low=-1000, high=1000, help="box")
    motion: str = setting(
        "still",
        allowed=("still", "orbit", "line"),
        help="through a sequence; orbit: about the target; line: straight to a second such place",
    )
    orbit_deg_s: Distribution = varied(
        Uniform(-30.0, 30.0), unit="deg/s", low=-36000, high=36000, help="about the vertical"
    )
    ease: bool = setting(False, help="a motion starts and ends at rest")
    aim: str = setting(
        "objects",
        allowed=("objects", "object", "origin", "point"),
        help="the target; objects: the middle of the labelled bodies; object: one of them",
    )
    point: list[float] = setting([0.0, 0.0, 0.0], unit="m", help="the target of aim=point (world)")
    jitter: Distribution = varied(
        Uniform(-0.04, 0.04), unit="m", low=-10, high=10, help="of the target, along each axis"
    )
    roll_deg: Distribution = varied(
        Uniform(-10.0, 10.0), unit="deg", low=-360, high=360, help="about the viewing direction"
    )
    near: float = setting(0.02, unit="m", low=1e-4, help="nothing closer is drawn")
    far: float = setting(50.0, unit="m", low=1e-3, help="nothing farther is drawn")
    rules: ViewRules = section(ViewRules, help="that a view must keep, at a sequence's first frame")

    def __post_init__(self) -> None:
        if self.near >= self.far:
            raise ConfigError(f"near: {self.near} m is not below far, {self.far} m")
        if len(self.point) != 3:
            raise ConfigError(f"point: has {len(self.point)} numbers; give x, y and z")
        if self.cam_K is None:
            return
        if len(self.cam_K) != 9:
            raise ConfigError(f"cam_K: has {len(self.cam_K)} numbers; give nine, row by row")
        if self.cam_K[0] <= 0 or self.cam_K[4] <= 0 or self.cam_K[6:] != [0.0, 0.0, 1.0]:
            raise ConfigError("cam_K: needs positive focal lengths and a last row of 0, 0, 1")


class CameraPlacement(Randomizer):
    """Looks at a point from around it, or from a box; through a sequence it stands, orbits or runs."""

    Options = CameraOptions
    stage = "view"
    places_camera = True

    def __init__(self, options: CameraOptions, library: Library) -> None:
        super().__init__(options, library)
        self._surroundings = LastSurroundings(library)

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        rejections, rules = Rejections(), self.options.rules
        for tries in range(1, rules.max_tries + 1):
            params = {**self._drawn(scene, rng), "tries": tries}
            broken = self._broken_rule(scene, params)
            if broken is None:
                return params
            rejections.add(*broken)
        raise rejections.error("randomizers.camera", rules)

    def apply(self, scene: Scene, params: Params) -> Scene:
        path = self._path(params, scene.duration)
        return replace(scene, camera=self._camera(path, scene.time, params))

    def _drawn(self, scene: Scene, rng: np.random.Generator) -> Params:
        options = self.options
        eye = ("fov_deg",) if options.cam_K is None else ()
        keys = (*eye, "focal_jitter", *PLACES[options.where], "roll_deg")
        params: Params = {key: getattr(options, key).sample(rng) for key in keys}
        params["jitter"] = [options.jitter.sample(rng) for _ in range(3)]
        params["centre_jitter"] = [options.centre_jitter.sample(rng) for _ in range(2)]
        if options.motion == "orbit":
            params["orbit_deg_s"] = options.orbit_deg_s.sample(rng)
        if options.motion == "line":
            params["end"] = {
                key: getattr(options, key).sample(rng) for key in PLACES[options.where]
            }
        params["aim_at"] = self._aim(scene, rng)
        return params

    def _aim(self, scene: Scene, rng: np.random.Generator) -> list[float]:
        """Return what the camera looks at before the jitter (3,) [m, world]; the origin if nothing."""
        options = self.options
        if options.aim == "point":
            return list(vec3(options.point))
        places = [i - 1 for i, _ in scene.labelled()]
        if options.aim == "origin" or not places:
            return [0.0, 0.0, 0.0]
        if options.aim == "object":
            places = [places[int(rng.integers(len(places)))]]
        return list(vec3(self._surroundings.of(scene.bodies).middles[places].mean(axis=0)))

    def _path(self, params: Params, duration: float) -> Path:
        target = np.add(params["aim_at"], params["jitter"])
        return Path(
            start=_place(params, target),
            target=target,
            roll=math.radians(params["roll_deg"]),
            end=_place(params["end"], target) if "end" in params else None,
            rate=math.radians(params.get("orbit_deg_s", 0.0)),
            duration=duration,
            ease=self.options.ease,
        )

    def _camera(self, path: Path, time: float, params: Params) -> Camera:
        pose = path.at(time)
        return Camera(
            width=self.options.width,
            height=self.options.height,
            cam_K=matrix3(self._cam_K(params)),
            position=vec3(pose.T_world_camera[:3, 3]),
            quaternion=quaternion(quaternion_of(pose.T_world_camera)),
            near=self.options.near,
            far=self.options.far,
            velocity=vec3(pose.velocity),
            angular_velocity=vec3(pose.angular_velocity),
        )

    def _cam_K(self, params: Params) -> np.ndarray:
        options = self.options
        width, height = options.width, options.height
        cam_K = np.array(
            [[1.0, 0.0, (width - 1) / 2], [0.0, 1.0, (height - 1) / 2], [0.0, 0.0, 1.0]]
        )
        if options.cam_K is not None:
            cam_K = np.array(options.cam_K).reshape(3, 3)
        else:
            cam_K[[0, 1], [0, 1]] = width / 2 / math.tan(math.radians(params["fov_deg"]) / 2)
        cam_K[:2, :2] *= params["focal_jitter"]
        cam_K[:2, 2] += params["centre_jitter"]
        return cam_K

    def _broken_rule(self, scene: Scene, params: Params) -> tuple[str, float] | None:
        """Return the first rule that a candidate breaks, at any moment, and what it reached."""
        path = self._path(params, scene.duration)
        if path.nearest < NEAREST * (1 - 1e-9):
            return "target", 0.0
        surroundings = self._surroundings.of(scene.bodies)
        for time in path.moments:
            camera = self._camera(path, time, params)
            broken = broken_rule(self.options.rules, camera, surroundings)
            if broken is not None:
                return broken
        return None


def _place(params: Params, target: np.ndarray) -> np.ndarray:
    """Return the place (3,) [m, world] that params describe, on a shell about `target` or in a box."""
    if "distance" not in params:
        return np.array([params["x"], params["y"], params["z"]])
    azimuth, elevation = np.deg2rad([params["azimuth_deg"], params["elevation_deg"]])
    return np.asarray(target + params["distance"] * direction(azimuth, elevation))
