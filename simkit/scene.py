"""A scene as plain data: frozen dataclasses of numbers, strings and tuples, JSON both ways.

Randomizers, physics and renderers take a `Scene` and return a new one; nothing changes in place.
Units and frames are those of `simkit.geometry`; colours are linear RGB.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from simkit.errors import SceneError
from simkit.geometry import Array, invert, transform

Vec3 = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]
Matrix3 = tuple[Vec3, Vec3, Vec3]

IDENTITY: Quaternion = (0.0, 0.0, 0.0, 1.0)
TEXTURE_KINDS = ("image", "checker", "noise", "stripes", "wood")
LIGHT_KINDS = ("directional",)


@dataclass(frozen=True)
class Texture:
    """A colour pattern laid on a body, in place of the look that its model came with.

    It is projected along the nearest axis of the body's own frame (box mapping) and repeats every
    `size` metres, so it needs no texture coordinates.

    Attributes:
        kind: one of `TEXTURE_KINDS`; ``image`` reads `path`, the others are computed.
        colors: linear RGB colours that a computed pattern runs between, at least two.
        size: length of one tile's side [m].
        seed: varies a computed pattern.
        path: image file, for ``image``.
    """

    kind: str
    colors: tuple[Vec3, ...] = ((0.8, 0.8, 0.8), (0.3, 0.3, 0.3))
    size: float = 0.2
    seed: int = 0
    path: str = ""

    def __post_init__(self) -> None:
        _one_of("Texture.kind", self.kind, TEXTURE_KINDS)
        _check(len(self.colors) >= 2, "Texture.colors: give at least two colours")
        for color in self.colors:
            _color("Texture.colors", color)
        _check(0 < self.size < math.inf, f"Texture.size: {self.size} is not a positive length [m]")


@dataclass(frozen=True)
class Material:
    """How a body's surface looks (metallic-roughness model, as in glTF 2.0).

    Attributes:
        base_color: linear RGB that multiplies the texture, or the model's own colours.
        roughness: 0 (mirror) to 1 (chalk).
        metallic: 0 (dielectric) to 1 (metal).
        texture: replaces the model's own texture and vertex colours.
        own_look: whether the model's own texture and vertex colours show when `texture` is None.
    """

    base_color: Vec3 = (1.0, 1.0, 1.0)
    roughness: float = 0.6
    metallic: float = 0.0
    texture: Texture | None = None
    own_look: bool = True

    def __post_init__(self) -> None:
        _color("Material.base_color", self.base_color)
        _check(0 <= self.roughness <= 1, f"Material.roughness: {self.roughness} is not in [0, 1]")
        _check(0 <= self.metallic <= 1, f"Material.metallic: {self.metallic} is not in [0, 1]")


@dataclass(frozen=True)
class Body:
    """One rigid thing in the world.

    Attributes:
        name: unique in the scene.
        model: name of its model in the library.
        position, quaternion: pose of the model's frame in the world [m], xyzw.
        scale: factors along the model's own axes.
        material: its look.
        mass: [kg]; has no effect on a fixed body.
        friction: Coulomb's coefficient of sliding friction; a contact takes the product of both.
        fixed: physics does not move it.
        labelled: it gets instance labels; an unlabelled body is background that can hide others.
    """

    name: str
    model: str
    position: Vec3 = (0.0, 0.0, 0.0)
    quaternion: Quaternion = IDENTITY
    scale: Vec3 = (1.0, 1.0, 1.0)
    material: Material = field(default_factory=Material)
    mass: float = 0.1
    friction: float = 0.7
    fixed: bool = False
    labelled: bool = True

    def __post_init__(self) -> None:
        _pose(f"Body '{self.name}'", self.position, self.quaternion)
        _finite(f"Body '{self.name}'.scale", self.scale)
        _check(min(self.scale) > 0, f"Body '{self.name}'.scale: {self.scale} is not positive")
        _check(
            0 < self.mass < math.inf, f"Body '{self.name}'.mass: {self.mass} is not positive [kg]"
        )
        _check(self.friction >= 0, f"Body '{self.name}'.friction: {self.friction} is negative")

    @property
    def T_world_body(self) -> Array:
        """Pose (4, 4) of the model's frame in the world; holds no scale."""
        return transform(self.position, self.quaternion)


@dataclass(frozen=True)
class Light:
    """A light source.

    Attributes:
        kind: one of `LIGHT_KINDS`.
        direction: unit vector along which a directional light travels, in the world.
        color: linear RGB.
        intensity: irradiance on a surface that faces the light, in units in which a white diffuse
            surface under intensity 1 reflects white.
        casts_shadow: whether it is occluded by bodies.
    """

    kind: str = "directional"
    direction: Vec3 = (0.0, 0.0, -1.0)
    color: Vec3 = (1.0, 1.0, 1.0)
    intensity: float = 0.7
    casts_shadow: bool = True

    def __post_init__(self) -> None:
        _one_of("Light.kind", self.kind, LIGHT_KINDS)
        _finite("Light.direction", self.direction)
        norm = math.hypot(*self.direction)
        _check(
            abs(norm - 1) < 1e-6, f"Light.direction: {self.direction} has length {norm:g}, not 1"
        )
        _color("Light.color", self.color)
        _check(0 <= self.intensity < math.inf, f"Light.intensity: {self.intensity} is negative")


@dataclass(frozen=True)
class Camera:
    """A pinhole camera.

    Attributes:
        width, height: [px].
        cam_K: 3x3 intrinsics [px]; the centre of the top left pixel is (0, 0).
        position, quaternion: pose in the world of the OpenCV camera frame [m], xyzw.
        near, far: nothing closer or farther than this z-depth is drawn [m].
    """

    width: int
    height: int
    cam_K: Matrix3
    position: Vec3 = (0.0, 0.0, 0.0)
    quaternion: Quaternion = IDENTITY
    near: float = 0.02
    far: float = 50.0

    def __post_init__(self) -> None:
        _check(
            self.width > 0 and self.height > 0, f"Camera: {self.width}x{self.height} px is empty"
        )
        _pose("Camera", self.position, self.quaternion)
        for row in self.cam_K:
            _finite("Camera.cam_K", row)
        _check(
            self.cam_K[0][0] > 0 and self.cam_K[1][1] > 0, "Camera.cam_K: a focal length is not > 0"
        )
        _check(
            0 < self.near < self.far, f"Camera: near {self.near} and far {self.far} [m] do not nest"
        )

    @property
    def K(self) -> Array:
        """``cam_K`` as an array (3, 3) float64."""
        return np.array(self.cam_K, dtype=np.float64)

    @property
    def T_world_camera(self) -> Array:
        """Pose (4, 4) of the camera frame in the world."""
        return transform(self.position, self.quaternion)

    @property
    def T_camera_world(self) -> Array:
        """Extrinsics (4, 4): maps world coordinates to the camera frame."""
        return invert(self.T_world_camera)


@dataclass(frozen=True)
class Scene:
    """Everything that a renderer and the physics need to know, but for the models themselves.

    Attributes:
        bodies: the id of a body in an instance image is its place here plus one; 0 is nothing.
        lights: see `Light`.
        ambient: linear RGB light that comes evenly from everywhere.
        background: linear RGB where no body is hit.
        gravity: [m/s^2] in the world.
        camera: None until a camera has been placed.
    """

    bodies: tuple[Body, ...] = ()
    lights: tuple[Light, ...] = ()
    ambient: Vec3 = (0.3, 0.3, 0.3)
    background: Vec3 = (0.0, 0.0, 0.0)
    gravity: Vec3 = (0.0, 0.0, -9.81)
    camera: Camera | None = None

    def __post_init__(self) -> None:
        names = [body.name for body in self.bodies]
        twice = sorted({name for name in names if names.count(name) > 1})
        _check(not twice, f"Scene.bodies: the name stands twice: {', '.join(twice)}")
        _color("Scene.ambient", self.ambient)
        _color("Scene.background", self.background)
        _finite("Scene.gravity", self.gravity)

    def labelled(self) -> list[tuple[int, Body]]:
        """Return (instance id, body) of the bodies that get labels, in order."""
        return [(i, body) for i, body in enumerate(self.bodies, start=1) if body.labelled]

    def with_bodies(self, bodies: list[Body]) -> Scene:
        """Return this scene with other bodies."""
        return replace(self, bodies=tuple(bodies))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `json.dumps` takes and `from_dict` takes back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Scene:
        """Return the scene that `to_dict` (also by way of JSON) described."""
        return cls(
            bodies=tuple(_body(body) for body in data["bodies"]),
            lights=tuple(Light(**_tuples(light)) for light in data["lights"]),
            ambient=_tuple(data["ambient"]),
            background=_tuple(data["background"]),
            gravity=_tuple(data["gravity"]),
            camera=Camera(**_tuples(data["camera"])) if data["camera"] is not None else None,
        )


def vec3(values: Any) -> Vec3:
    """Return three numbers as a tuple of Python floats."""
    x, y, z = (float(value) for value in values)
    return x, y, z


def quaternion(values: Any) -> Quaternion:
    """Return an xyzw quaternion as a tuple of Python floats, normalised."""
    x, y, z, w = (float(value) for value in values)
    norm = math.sqrt(x * x + y * y + z * z + w * w)
    return x / norm, y / norm, z / norm, w / norm


def matrix3(values: Any) -> Matrix3:
    """Return a 3x3 matrix as nested tuples of Python floats."""
    a, b, c = (vec3(row) for row in values)
    return a, b, c


def _body(data: dict[str, Any]) -> Body:
    material = dict(data["material"])
    if material["texture"] is not None:
        material["texture"] = Texture(**_tuples(material["texture"]))
    return Body(**{**_tuples(data), "material": Material(**_tuples(material))})


def _tuples(data: dict[str, Any]) -> dict[str, Any]:
    return {key: _tuple(value) for key, value in data.items()}


def _tuple(value: Any) -> Any:
    return tuple(_tuple(item) for item in value) if isinstance(value, list | tuple) else value


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise SceneError(message)


def _one_of(what: str, value: str, allowed: tuple[str, ...]) -> None:
    _check(value in allowed, f"{what}: '{value}' is unknown; allowed are {', '.join(allowed)}")


def _finite(what: str, values: tuple[float, ...]) -> None:
    _check(all(math.isfinite(value) for value in values), f"{what}: {values} is not finite")


def _color(what: str, color: Vec3) -> None:
    _check(all(0 <= c <= 1 for c in color), f"{what}: {color} is not linear RGB in [0, 1]")


def _pose(what: str, position: Vec3, orientation: Quaternion) -> None:
    _finite(f"{what}.position", position)
    norm = math.sqrt(sum(q * q for q in orientation))
    _check(abs(norm - 1) < 1e-6, f"{what}.quaternion: {orientation} has length {norm:g}, not 1")
