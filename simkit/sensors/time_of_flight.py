"""The noise of a time-of-flight depth camera, by a published model of the second Kinect."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from simkit.contracts import Params, how_often
from simkit.distributions import Constant, Distribution, Uniform
from simkit.errors import ConfigError
from simkit.options import draw_all, setting, varied
from simkit.scene import Scene
from simkit.sensors import Image, Sensor, Shot
from simkit.sensors.depth_edges import edges_of
from simkit.sensors.reproject import Map, incidence, rays_of

FOCAL = 365.0
"""Focal length of the Kinect v2's infrared camera, 512 pixels across [px]."""

LATERAL = 1.6
"""Standard deviation of an edge's place [px], of `FOCAL` px: Fankhauser et al., see `axial_noise`."""

STEP = 0.001
"""Depth is given in steps of this [m]."""

_LEAST = np.float32(0.01)
"""Keeps quotients finite where there is no surface."""


@dataclass
class TimeOfFlightOptions:
    """A Kinect v2 at the place of the camera."""

    every: str = how_often("view")
    noise: Distribution = varied(
        Constant(1.0), low=0.0, high=10.0, help="times the published standard deviations"
    )
    flying: Distribution = varied(
        Uniform(0.2, 0.6), low=0.0, high=1.0, help="share of mixed pixels that are not invalid"
    )
    max_incidence_deg: float = setting(
        80.0, unit="deg", low=10.0, high=89.0, help="surfaces seen more slanted are invalid"
    )
    near: float = setting(0.5, unit="m", low=0.01, help="what is closer is invalid")
    far: float = setting(4.5, unit="m", low=0.02, help="what is farther is invalid")

    def __post_init__(self) -> None:
        if self.near >= self.far:
            raise ConfigError(f"near: {self.near} m is not below far, {self.far} m")


def axial_noise(z: Map, theta: Map) -> Map:
    """Return the standard deviation [m] of depth z [m] under the angle of incidence theta [rad].

    Fankhauser et al., "Kinect v2 for Mobile Robot Navigation: Evaluation and Modeling", ICAR 2015,
    without sunlight: 1.5 - 0.5 z + 0.3 z^2 + 0.1 z^1.5 (theta / (pi/2 - theta))^2 [mm].
    """
    slant = theta / (np.float32(math.pi / 2) - theta)
    facing = np.float32(1.5) - np.float32(0.5) * z + np.float32(0.3) * z * z
    return (facing + np.float32(0.1) * z * np.sqrt(z) * slant**2) * np.float32(1e-3)


class TimeOfFlight(Sensor):
    """Axial and lateral noise, and flying pixels; no multipath, no systematic error, no sunlight.

    A pixel whose footprint lies on two surfaces measures their mean, weighted by amplitude (cosine
    of incidence over distance squared); the camera finds some of these and gives nothing there.
    Invalid as well: grazing angles, out of range. Lateral noise acts at depth edges.
    """

    Options = TimeOfFlightOptions
    channels = frozenset({"depth"})
    outputs: Mapping[str, str] = MappingProxyType({"depth_sensor": "depth"})

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return draw_all(self.options, rng)

    def measure(self, params: Params, shot: Shot) -> dict[str, Image]:
        options, rng = self.options, shot.noise()
        depth = shot.frame.depth
        cosine = incidence(depth, rays_of(shot.camera))
        z, faced = self._at_edges(depth, cosine, params, shot, rng)
        theta = np.arccos(np.minimum(faced, 1))
        sigma = axial_noise(z, np.minimum(theta, np.float32(1.5))) * np.float32(params["noise"])
        measured = z + sigma * rng.standard_normal(z.shape, dtype=np.float32)
        valid = (z > 0) & (theta <= math.radians(options.max_incidence_deg))
        valid &= (measured >= options.near) & (measured <= options.far)
        steps = np.rint(measured / np.float32(STEP)) * np.float32(STEP)
        return {"depth_sensor": np.where(valid, steps, np.float32(0))}

    def _at_edges(
        self, depth: Map, cosine: Map, params: Params, shot: Shot, rng: np.random.Generator
    ) -> tuple[Map, Map]:
        """Return depth and cosine with what pixels at edges measure in their place; 0 is invalid."""
        focal = shot.camera.cam_K[0][0]
        steepest = math.tan(math.radians(self.options.max_incidence_deg))
        lateral = params["noise"] * LATERAL * focal / FOCAL
        edges = edges_of(depth, focal, steepest, lateral, rng)
        around, own = depth[edges.corners()], depth[edges.rows, edges.columns]
        changed = np.abs(around - own).max(axis=0) > edges.step
        edges, z = edges.only(changed), around[:, changed]
        faced = cosine[edges.corners()]
        amplitude = np.where(z > 0, edges.weights() * faced / np.maximum(z, _LEAST) ** 2, 0)
        total = amplitude.sum(axis=0)
        mean = (amplitude * z).sum(axis=0) / np.where(total > 0, total, 1)
        spread = z.max(axis=0) - np.where(z > 0, z, np.inf).min(axis=0)
        kept = rng.random(len(mean)) < params["flying"]
        strongest = (amplitude.argmax(axis=0), np.arange(len(mean)))
        new, looked = depth.copy(), cosine.copy()
        place = (edges.rows, edges.columns)
        new[place] = np.where(spread > edges.step, np.where(kept, mean, 0), z[strongest])
        looked[place] = faced[strongest]
        return new, looked
