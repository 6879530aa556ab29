"""Lens distortion, drawn by the renderer: labels are of the distorted image."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simkit.cameras import camera_rays, project_points
from simkit.contracts import Params, how_often
from simkit.distributions import Constant, Distribution, Uniform
from simkit.errors import ConfigError, PluginError, SceneError
from simkit.options import draw_all, setting, varied
from simkit.scene import DISTORTION_LENGTHS, Camera, Scene, matrix3
from simkit.sensors import Sensor, camera_of

COEFFICIENTS = {
    "brown_conrady": ("k1", "k2", "p1", "p2", "k3"),
    "kannala_brandt": ("k1", "k2", "k3", "k4"),
}
"""By model, in OpenCV's order (see `simkit.scene.Camera.distortion`)."""

TRIES = 100
LEAST_SLOPE = 0.1
"""By how much the image must grow where it would by 1 without the lens; it folds over at 0."""


@dataclass
class LensOptions:
    """A model and its coefficients."""

    every: str = how_often("view")
    model: Distribution = varied(
        Constant("brown_conrady"), allowed=tuple(COEFFICIENTS), help="kannala_brandt is a fisheye"
    )
    coefficients: list[float] | None = setting(
        None, help="calibrated ones in OpenCV's order; else they are drawn"
    )
    k1: Distribution = varied(
        Uniform(-0.2, 0.2), low=-100, high=100, help="radial; below 0 is a barrel"
    )
    k2: Distribution = varied(Uniform(-0.05, 0.05), low=-100, high=100, help="radial")
    k3: Distribution = varied(Constant(0.0), low=-100, high=100, help="radial")
    k4: Distribution = varied(Constant(0.0), low=-100, high=100, help="radial, of kannala_brandt")
    p1: Distribution = varied(
        Uniform(-0.001, 0.001), low=-100, high=100, help="tangential, of brown_conrady"
    )
    p2: Distribution = varied(
        Uniform(-0.001, 0.001), low=-100, high=100, help="tangential, of brown_conrady"
    )
    keep_field: bool = setting(
        False, help="change the focal length so that the horizontal field of view stays"
    )

    def __post_init__(self) -> None:
        if self.coefficients is None:
            return
        for model in self.model.support:
            lengths = DISTORTION_LENGTHS[model]
            if len(self.coefficients) not in lengths:
                raise ConfigError(
                    f"coefficients: {model} takes {lengths} numbers, not {len(self.coefficients)}"
                )


class Lens(Sensor):
    """Gives a pinhole camera a model and a distortion, which renderers draw and labels follow.

    Draws that fold the image over are drawn again, `TRIES` times at most; so what is left of a wide
    range depends on the camera's field of view.
    """

    Options = LensOptions
    phase = "lens"

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        given = self.options.coefficients
        for _ in range(TRIES if given is None else 1):
            drawn = draw_all(self.options, rng)
            params: Params = {"model": drawn["model"]}
            if given is not None:
                params["coefficients"] = list(given)
            else:
                params |= {name: drawn[name] for name in COEFFICIENTS[drawn["model"]]}
            if is_unfolded(camera_of(self.mount(scene, params))):
                return params
        if given is not None:
            raise SceneError(f"sensors.lens.coefficients: {_FOLDS}")
        raise SceneError(
            f"sensors.lens.k1: none of {TRIES} draws of coefficients will do; {_FOLDS}"
        )

    def mount(self, scene: Scene, params: Params) -> Scene:
        camera = camera_of(scene)
        if camera.model != "pinhole":
            raise PluginError(
                f"sensors.lens: the camera is a {camera.model} already; turn one of them off"
            )
        model = params["model"]
        values = params.get("coefficients") or [params[name] for name in COEFFICIENTS[model]]
        bent = replace(camera, model=model, distortion=tuple(values))
        return replace(scene, camera=_same_field(bent) if self.options.keep_field else bent)


_FOLDS = (
    "the lens folds the image over within the picture; give coefficients nearer to 0, or a narrower "
    "field of view (randomizers.camera.fov_deg)"
)


def is_unfolded(camera: Camera) -> bool:
    """Return whether the image grows all the way from the axis to its border, as the field does.

    A fisheye's border may lie outside of its image circle, if that holds all directions.
    """
    rays = camera_rays(camera, _border(camera))
    outside = np.isnan(rays).any(axis=1)
    if outside.any() and camera.model != "kannala_brandt":
        return False
    rays[outside] = (1e-3, 0.0, -1.0)
    across = np.linalg.norm(rays[:, :2], axis=1)
    toward = rays[:, :2] / np.maximum(across, 1e-12)[:, None]
    angles = np.arctan2(across, rays[:, 2])[:, None] * np.linspace(0.0, 1.0, 65)
    along = [*(np.sin(angles) * toward[:, i : i + 1] for i in (0, 1)), np.cos(angles)]
    pixels = project_points(camera, np.stack(along, axis=-1).reshape(-1, 3))
    plane = (pixels - camera.K[:2, 2]) @ np.linalg.inv(camera.K[:2, :2]).T
    radius = np.linalg.norm(plane, axis=1).reshape(angles.shape)
    straight = angles if camera.model == "kannala_brandt" else np.tan(angles)
    grows = np.diff(radius, axis=1) >= LEAST_SLOPE * np.diff(straight, axis=1)
    return bool(grows.all())


def _border(camera: Camera) -> np.ndarray:
    """Return pixels (N, 2) all along the image's border."""
    x = np.linspace(-0.5, camera.width - 0.5, 25)
    y = np.linspace(-0.5, camera.height - 0.5, 25)
    rows = [np.column_stack([x, np.full(25, edge)]) for edge in y[[0, -1]]]
    columns = [np.column_stack([np.full(25, edge), y]) for edge in x[[0, -1]]]
    return np.concatenate([*rows, *columns])


def _same_field(camera: Camera) -> Camera:
    """Return the camera with its focal lengths such that half its width sees the pinhole's angle."""
    half = camera.width / 2 / camera.K[0, 0]
    seen = project_points(camera, [[half, 0.0, 1.0]])[0, 0] - camera.K[0, 2]
    if not seen > 0:
        return camera
    K = camera.K
    K[:2, :2] *= camera.width / 2 / seen
    return replace(camera, cam_K=matrix3(K))
