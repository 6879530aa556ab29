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
TEXTURE_KINDS = (
    "image", "brushed", "checker", "dots", "fabric", "gradient", "marble", "noise", "stripes",
    "voronoi", "wood",
)  # fmt: skip
LIGHT_KINDS = ("directional", "point", "spot", "area")
ENVIRONMENT_KINDS = ("constant", "sky", "studio", "image")
REGION_MODES = ("drop", "place", "float")
CAMERA_MODELS = ("pinhole", "brown_conrady", "kannala_brandt", "equirectangular")
DISTORTION_LENGTHS = {
    "pinhole": (0,),
    "brown_conrady": (4, 5, 8),
    "kannala_brandt": (4,),
    "equirectangular": (0,),
}
"""How many coefficients a camera model takes."""


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
        octaves: of the noise in ``noise`` and ``marble``, 1 (smooth) to 8.
        relief: for a normal map: how high the pattern stands out [tile's side]; its image then
            holds the normals. 0: it holds colours.
    """

    kind: str
    colors: tuple[Vec3, ...] = ((0.8, 0.8, 0.8), (0.3, 0.3, 0.3))
    size: float = 0.2
    seed: int = 0
    path: str = ""
    octaves: int = 5
    relief: float = 0.0

    def __post_init__(self) -> None:
        _one_of("Texture.kind", self.kind, TEXTURE_KINDS)
        _check(len(self.colors) >= 2, "Texture.colors: give at least two colours")
        for color in self.colors:
            _color("Texture.colors", color)
        _check(0 < self.size < math.inf, f"Texture.size: {self.size} is not a positive length [m]")
        _check(self.octaves in range(1, 9), f"Texture.octaves: {self.octaves} is not 1 to 8")
        _check(0 <= self.relief <= 1, f"Texture.relief: {self.relief} is not in [0, 1]")


@dataclass(frozen=True)
class Material:
    """How a body's surface looks (metallic-roughness model, as in glTF 2.0).

    Attributes:
        base_color: linear RGB that multiplies the texture, or the model's own colours.
        roughness: 0 (mirror) to 1 (chalk).
        metallic: 0 (dielectric) to 1 (metal).
        texture: replaces the model's own texture and vertex colours.
        own_look: whether the model's own texture and vertex colours show when `texture` is None.
        normal_map: image of tangent-space normals (glTF's convention: +x along the tile's u, +y
            along its v, +z outwards), laid on as `texture` is.
    """

    base_color: Vec3 = (1.0, 1.0, 1.0)
    roughness: float = 0.6
    metallic: float = 0.0
    texture: Texture | None = None
    own_look: bool = True
    normal_map: Texture | None = None

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
        settles: it comes to rest before the first picture. One that does not keeps its pose and
            velocity, and is in nobody's way until then.
        velocity, angular_velocity: of the model's frame in the world [m/s, rad/s]; they blur the
            picture while the shutter is open, and move the body from frame to frame.
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
    settles: bool = True
    velocity: Vec3 = (0.0, 0.0, 0.0)
    angular_velocity: Vec3 = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        _pose(f"Body '{self.name}'", self.position, self.quaternion)
        _finite(f"Body '{self.name}'.velocity", self.velocity)
        _finite(f"Body '{self.name}'.angular_velocity", self.angular_velocity)
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

    A white Lambertian surface that faces a directional light of intensity 1 reflects radiance 1
    (white). Point and spot lights give that at a distance of 1 m and fall with its square; an area
    light emits radiance `intensity` from its front.

    Attributes:
        kind: one of `LIGHT_KINDS`.
        direction: unit vector along which a directional light travels, a spot's axis, or an area
            light's front normal, in the world.
        color: linear RGB.
        intensity: see above.
        casts_shadow: whether it is occluded by bodies.
        position: of a point, spot or area light's middle [m].
        radius: of a point or spot light's sphere [m], of a directional light's disc in the sky
            [rad]; it softens shadows. 0 makes them hard.
        size: width and height of an area light's rectangle [m]. Its width runs along
            ``direction x z`` (along x if the direction is vertical).
        cone: half the opening angle of a spot light [rad]; the outer fifth of it fades out.
    """

    kind: str = "directional"
    direction: Vec3 = (0.0, 0.0, -1.0)
    color: Vec3 = (1.0, 1.0, 1.0)
    intensity: float = 0.7
    casts_shadow: bool = True
    position: Vec3 = (0.0, 0.0, 2.0)
    radius: float = 0.0
    size: tuple[float, float] = (0.5, 0.5)
    cone: float = 0.5

    def __post_init__(self) -> None:
        _one_of("Light.kind", self.kind, LIGHT_KINDS)
        _finite("Light.direction", self.direction)
        norm = math.hypot(*self.direction)
        _check(
            abs(norm - 1) < 1e-6, f"Light.direction: {self.direction} has length {norm:g}, not 1"
        )
        _color("Light.color", self.color)
        _check(0 <= self.intensity < math.inf, f"Light.intensity: {self.intensity} is negative")
        _finite("Light.position", self.position)
        _check(0 <= self.radius < math.inf, f"Light.radius: {self.radius} is negative")
        _check(min(self.size) > 0, f"Light.size: {self.size} [m] is not positive")
        _check(0 < self.cone < math.pi / 2, f"Light.cone: {self.cone} is not in (0, pi/2) [rad]")


@dataclass(frozen=True)
class Environment:
    """Light from far away, from all directions; also what is seen where no body is.

    Attributes:
        kind: one of `ENVIRONMENT_KINDS`; ``image`` reads `path`, the others are computed.
        path: equirectangular ``.hdr`` or ``.exr`` map, for ``image``.
        intensity: factor on its radiance.
        rotation: about the world's z axis [rad].
        colors: linear RGB: of a ``constant`` (the first); of a ``sky``'s zenith, horizon and
            ground; of a ``studio``'s walls and lamps.
        sun: unit vector towards a sky's sun.
        seed: varies a studio's softboxes.
    """

    kind: str = "constant"
    path: str = ""
    intensity: float = 1.0
    rotation: float = 0.0
    colors: tuple[Vec3, ...] = ((1.0, 1.0, 1.0),)
    sun: Vec3 = (0.0, 0.0, 1.0)
    seed: int = 0

    def __post_init__(self) -> None:
        _one_of("Environment.kind", self.kind, ENVIRONMENT_KINDS)
        wanted = {"constant": 1, "sky": 3, "studio": 2, "image": 0}[self.kind]
        _check(
            len(self.colors) >= wanted,
            f"Environment.colors: a {self.kind} needs {wanted}, not {len(self.colors)}",
        )
        for color in self.colors:
            _color("Environment.colors", color)
        _check(
            0 <= self.intensity < math.inf, f"Environment.intensity: {self.intensity} is negative"
        )
        _finite("Environment.rotation", (self.rotation,))
        _check(
            abs(math.hypot(*self.sun) - 1) < 1e-6, f"Environment.sun: {self.sun} is no unit vector"
        )


@dataclass(frozen=True)
class Camera:
    """A camera; a pinhole without further attributes.

    Attributes:
        width, height: [px].
        cam_K: 3x3 intrinsics [px]; the centre of the top left pixel is (0, 0). An equirectangular
            camera has none: it sees all around, its first column's left edge at -x, its centre
            along +z, its top edge along -y.
        position, quaternion: pose in the world of the OpenCV camera frame [m], xyzw.
        near, far: nothing closer or farther than this z-depth is drawn [m].
        model: one of `CAMERA_MODELS`, with OpenCV's meaning of `distortion`: ``brown_conrady``
            (k1, k2, p1, p2[, k3[, k4, k5, k6]]), ``kannala_brandt`` (k1, k2, k3, k4; fisheye).
        distortion: its coefficients.
        aperture: radius of the lens' opening [m]; 0 is sharp everywhere. Only colours blur.
        focus_distance: z-depth that is sharp [m].
        exposure: time for which the shutter is open [s]; blurs what moves.
        readout: time from the first row's exposure to the last one's [s] (rolling shutter).
        velocity, angular_velocity: of the camera frame in the world while the shutter is open
            [m/s, rad/s]. The scene's poses hold at the middle of the middle row's exposure.
    """

    width: int
    height: int
    cam_K: Matrix3
    position: Vec3 = (0.0, 0.0, 0.0)
    quaternion: Quaternion = IDENTITY
    near: float = 0.02
    far: float = 50.0
    model: str = "pinhole"
    distortion: tuple[float, ...] = ()
    aperture: float = 0.0
    focus_distance: float = 1.0
    exposure: float = 0.0
    readout: float = 0.0
    velocity: Vec3 = (0.0, 0.0, 0.0)
    angular_velocity: Vec3 = (0.0, 0.0, 0.0)

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
        _one_of("Camera.model", self.model, CAMERA_MODELS)
        lengths = DISTORTION_LENGTHS[self.model]
        _check(
            len(self.distortion) in lengths,
            f"Camera.distortion: {self.model} takes {lengths} coefficients, not {len(self.distortion)}",
        )
        _finite("Camera.distortion", self.distortion)
        times = (self.aperture, self.exposure, self.readout)
        _check(min(times) >= 0, f"Camera: aperture, exposure or readout is negative: {times}")
        _check(
            self.focus_distance > 0, f"Camera.focus_distance: {self.focus_distance} is not > 0 [m]"
        )
        _finite("Camera.velocity", self.velocity)
        _finite("Camera.angular_velocity", self.angular_velocity)

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
class Region:
    """A box in which objects start, for the placement.

    Attributes:
        name: unique in the scene.
        low, high: corners [m] in the world; what starts in it comes to rest on its bottom.
        mode: how objects start unless a config says otherwise, one of `REGION_MODES`.
        walled: it has solid sides; what leaves it through them or over them has fallen off.
    """

    name: str
    low: Vec3
    high: Vec3
    mode: str = "drop"
    walled: bool = False

    def __post_init__(self) -> None:
        _finite(f"Region '{self.name}'", (*self.low, *self.high))
        empty = any(a >= b for a, b in zip(self.low, self.high, strict=True))
        _check(not empty, f"Region '{self.name}': {self.low} to {self.high} [m] is empty")
        _one_of(f"Region '{self.name}'.mode", self.mode, REGION_MODES)


@dataclass(frozen=True)
class Scene:
    """Everything that a renderer and the physics need to know, but for the models themselves.

    Attributes:
        bodies: the id of a body in an instance image is its place here plus one; 0 is nothing.
        lights: see `Light`.
        ambient: linear RGB light that comes evenly from everywhere, and meets no shadow.
        background: linear RGB where no body is hit and there is no environment.
        gravity: [m/s^2] in the world.
        environment: light from far away; None is dark.
        camera: None until a camera has been placed.
        backdrop: image that fills the picture behind everything; it stays with the camera, shines
            on nothing, and hides the environment. ``size`` has no meaning for it.
        time: since the first frame of a sequence [s].
        duration: from a sequence's first frame to its last [s]; 0 for a single image.
        regions: where objects start; without any, the placement's options say it.
    """

    bodies: tuple[Body, ...] = ()
    lights: tuple[Light, ...] = ()
    ambient: Vec3 = (0.3, 0.3, 0.3)
    background: Vec3 = (0.0, 0.0, 0.0)
    gravity: Vec3 = (0.0, 0.0, -9.81)
    camera: Camera | None = None
    environment: Environment | None = None
    backdrop: Texture | None = None
    time: float = 0.0
    duration: float = 0.0
    regions: tuple[Region, ...] = ()

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
            camera=Camera(**_tuples(data["camera"])) if data["camera"] else None,
            environment=Environment(**_tuples(data["environment"]))
            if data["environment"]
            else None,
            backdrop=Texture(**_tuples(data["backdrop"])) if data.get("backdrop") else None,
            time=data.get("time", 0.0),
            duration=data.get("duration", 0.0),
            regions=tuple(Region(**_tuples(region)) for region in data.get("regions", ())),
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
    for key in ("texture", "normal_map"):
        if material[key] is not None:
            material[key] = Texture(**_tuples(material[key]))
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
