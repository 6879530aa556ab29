"""The noise of a structured-light depth camera, by published models of the first Kinect."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from simkit.contracts import Params, how_often
from simkit.distributions import Constant, Distribution
from simkit.errors import ConfigError
from simkit.options import draw_all, setting, varied
from simkit.scene import Scene
from simkit.sensors import Image, Sensor, Shot
from simkit.sensors.depth_edges import edges_of
from simkit.sensors.reproject import Map, incidence, rays_of, seen_beside

FOCAL = 585.0
"""Focal length of the Kinect's infrared camera, 640 pixels across [px]."""

INVERSE_STEP = 2.85e-3
"""Step of inverse depth [1/m], an eighth of a pixel of disparity: Khoshelham and Elberink, "Accuracy
and Resolution of Kinect Depth Data for Indoor Mapping Applications", Sensors 12 (2012)."""


@dataclass
class StructuredLightOptions:
    """A Kinect v1 at the place of the camera."""

    every: str = how_often("view")
    noise: Distribution = varied(
        Constant(1.0), low=0.0, high=10.0, help="times the published standard deviations"
    )
    projector_x: float = setting(
        0.075, unit="m", low=-1.0, high=1.0, help="place of the projector on the camera's x axis"
    )
    max_incidence_deg: float = setting(
        80.0, unit="deg", low=10.0, high=89.0, help="surfaces seen more slanted are invalid"
    )
    near: float = setting(0.4, unit="m", low=0.01, help="what is closer is invalid")
    far: float = setting(4.0, unit="m", low=0.02, help="what is farther is invalid")

    def __post_init__(self) -> None:
        if self.near >= self.far:
            raise ConfigError(f"near: {self.near} m is not below far, {self.far} m")


def axial_noise(z: Map, theta: Map) -> Map:
    """Return the standard deviation [m] of depth z [m] under the angle of incidence theta [rad].

    Nguyen, Izadi and Lovell, "Modeling Kinect Sensor Noise for Improved 3D Reconstruction and
    Tracking", 3DIMPVT 2012: 0.0012 + 0.0019 (z - 0.4)^2 + 0.0001 / sqrt(z) (theta / (pi/2 - theta))^2.
    It includes the steps of the Kinect's disparity.
    """
    slant = theta / (np.float32(math.pi / 2) - theta)
    return (
        np.float32(0.0012)
        + np.float32(0.0019) * (z - np.float32(0.4)) ** 2
        + np.float32(0.0001) / np.sqrt(np.maximum(z, np.float32(0.01))) * slant**2
    )


def lateral_noise(theta: float) -> float:
    """Return the standard deviation [px] of an edge's place, of `FOCAL` px, theta [rad]: ibid."""
    return 0.8 + 0.035 * theta / (math.pi / 2 - theta)


class StructuredLight(Sensor):
    """Axial and lateral noise, the projector's shadow, steps of disparity; no multipath, no sunlight.

    Invalid: shadow, grazing angles, out of range. Lateral noise acts at depth edges, with the figure
    for a surface that is faced; the projector is hidden by what the camera sees.
    """

    Options = StructuredLightOptions
    channels = frozenset({"depth"})
    outputs: Mapping[str, str] = MappingProxyType({"depth_sensor": "depth"})

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return draw_all(self.options, rng)

    def measure(self, params: Params, shot: Shot) -> dict[str, Image]:
        options, rng, noise = self.options, shot.noise(), np.float32(params["noise"])
        depth, rays = shot.frame.depth, rays_of(shot.camera)
        steepest = math.tan(math.radians(options.max_incidence_deg))
        focal = shot.camera.cam_K[0][0]
        theta = np.arccos(np.minimum(incidence(depth, rays), 1))
        lit = seen_beside(depth, rays, options.projector_x)
        valid = lit & (theta <= math.radians(options.max_incidence_deg))
        lateral = params["noise"] * lateral_noise(0.0) * focal / FOCAL
        edges = edges_of(depth, focal, steepest, lateral, rng)
        rows, columns = edges.nearest()
        z, own = depth.copy(), depth[edges.rows, edges.columns]
        other = np.abs(depth[rows, columns] - own) > edges.step
        here, there = (edges.rows[other], edges.columns[other]), (rows[other], columns[other])
        for image, source in ((z, depth), (theta, theta.copy()), (valid, valid.copy())):
            image[here] = source[there]
        step = np.float32(INVERSE_STEP) * z * z
        sigma = axial_noise(z, np.minimum(theta, np.float32(1.5))) * noise
        before = np.sqrt(np.maximum(sigma**2 - step**2 / 12, 0))
        z += before * rng.standard_normal(z.shape, dtype=np.float32)
        valid &= (z >= options.near) & (z <= options.far)
        steps = np.rint(1 / (np.maximum(z, np.float32(0.01)) * np.float32(INVERSE_STEP)))
        measured: Map = np.where(valid, 1 / (np.maximum(steps, 1) * np.float32(INVERSE_STEP)), 0)
        return {"depth_sensor": measured.astype(np.float32)}
