"""The `bullet` renderer: PyBullet's TinyRenderer, on the CPU, with nothing but pip.

A plain rasterizer: the strongest light, as a directional one with hard shadows; no reflection, no
anti-aliasing, one sample at each pixel's centre. Its use is to be simple and independent of the
other renderers.
"""

from __future__ import annotations

import logging
import math
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.assets.backdrop import backdrop_image
from simkit.assets.bake import bake_vertex_colors
from simkit.assets.color import linear_of_bytes, linear_to_srgb
from simkit.assets.environments import environment_image
from simkit.assets.library import Library
from simkit.assets.mapping import box_mapped
from simkit.assets.mesh import Mesh
from simkit.assets.textures import texture_image
from simkit.bullet import Client
from simkit.errors import RenderError
from simkit.geometry import Array
from simkit.options import setting
from simkit.render import Frame, Renderer
from simkit.scene import Body, Camera, Light, Material, Scene, Vec3

FACES_PER_SHAPE = 40_000
"""PyBullet takes at most 131,072 vertices a shape from memory; three a face must fit."""

MAX_BYTES = 64 * 2**20
MAX_DRAWABLES = 4000
"""With more meshes and textures than this loaded, the client is made anew."""

BYTES_PER_VERTEX = 200
"""What PyBullet keeps for a vertex (position, normal, texture coordinates, twice), measured."""

POSITIONAL = ("point", "spot", "area")
"""Kinds of light that have a position; TinyRenderer gets the direction from the origin to them."""

GL_OF_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])
"""OpenGL cameras look along -z with y up."""

log = logging.getLogger(__name__)


@dataclass
class BulletOptions:
    """How TinyRenderer draws."""

    shadow: bool = setting(True, help="the light casts shadows")
    light_distance: float = setting(
        3.0, unit="m", low=0.1, help="how far the shadow map's camera stands from the origin"
    )


class Bullet(Renderer):
    """TinyRenderer behind the common protocol; see the module's docstring."""

    Options = BulletOptions
    channels = frozenset({"rgb", "depth", "instance"})
    ignores = (
        "material.roughness, metallic and normal_map",
        "all lights but the strongest, which is drawn as directional",
        "environment but for its mean",
        "aperture, exposure and readout",
    )
    remedy = (
        "pip install --force-reinstall pybullet (it builds from source on CPython 3.12 and newer)"
    )

    def __init__(self, options: BulletOptions, library: Library) -> None:
        super().__init__(options, library)
        self._folder = tempfile.TemporaryDirectory(prefix="simkit-bullet-")
        self._files = 0
        self._rows = [_Rows() for _ in range(3)]
        self._start()

    def _start(self) -> None:
        self._client = Client()
        self._client.setPhysicsEngineParameter(enableFileCaching=0)
        self._drawables: dict[tuple[object, ...], _Drawable] = {}
        self._bytes = 0
        self._loaded: tuple[Body, ...] | None = None
        self._handles: list[int] = []
        self._instance_of: NDArray[np.int32] = np.zeros(1, dtype=np.int32)

    @property
    def driver(self) -> str:
        return f"TinyRenderer, PyBullet {version('pybullet')}"

    def close(self) -> None:
        self._client.close()
        self._folder.cleanup()

    def draw(self, scene: Scene, camera: Camera, channels: frozenset[str]) -> Frame:
        self._load(scene)
        if camera.model != "pinhole":
            raise RenderError(
                f"bullet: draws no {camera.model} camera, only pinhole; use another backend"
            )
        _, _, rgba, z_buffer, segmentation = self._client.getCameraImage(
            camera.width,
            camera.height,
            viewMatrix=(GL_OF_OPENCV @ camera.T_camera_world).T.ravel().tolist(),
            projectionMatrix=projection_matrix(camera).T.ravel().tolist(),
            renderer=self._client.ER_TINY_RENDERER,
            **(self._lighting(scene) if "rgb" in channels else {"shadow": 0}),
        )
        shape = (camera.height, camera.width)
        handles = np.asarray(segmentation, dtype=np.int32).reshape(shape)
        instance = self._instance_of[handles]  # -1, nothing, is the table's last entry: 0
        frame: dict[str, NDArray[np.generic]] = {}
        if "instance" in channels:
            frame["instance"] = instance
        if "depth" in channels:
            frame["depth"] = _z_depth(np.asarray(z_buffer).reshape(shape), instance, camera)
        if "rgb" in channels:
            frame["rgb"] = _linear_rgb(np.asarray(rgba).reshape(*shape, 4), instance, scene)
        return Frame(frame)

    def _lighting(self, scene: Scene) -> dict[str, object]:
        """Return TinyRenderer's one light: what reaches the world's origin from the strongest."""
        ambient = float(np.mean(scene.ambient))
        if scene.environment is not None:
            ambient += float(environment_image(scene.environment, height=16).mean())
        if not scene.lights:
            return {"shadow": 0, "lightAmbientCoeff": ambient, "lightDiffuseCoeff": 0.0}
        light = max(scene.lights, key=_strength)
        towards = light.position if light.kind in POSITIONAL else np.negative(light.direction)
        return {
            "lightDirection": [float(value) for value in towards],
            "lightColor": linear_to_srgb(np.array(light.color)).tolist(),
            "lightDistance": self.options.light_distance,
            "shadow": int(self.options.shadow and light.casts_shadow),
            "lightAmbientCoeff": ambient,
            "lightDiffuseCoeff": _strength(light),
            "lightSpecularCoeff": 0.05,
        }

    def _load(self, scene: Scene) -> None:
        """Put the bodies into the client, unless they are there from the last call."""
        if scene.bodies == self._loaded:
            return
        self._clear()
        owners: dict[int, int] = {}
        for instance, body in enumerate(scene.bodies, start=1):
            for handle in self._add(body):
                owners[handle] = instance
        table = np.zeros(max(owners, default=-1) + 2, dtype=np.int32)
        table[list(owners)] = list(owners.values())
        self._instance_of = table
        self._handles = list(owners)
        self._loaded = scene.bodies

    def _clear(self) -> None:
        """Take the bodies out; PyBullet frees shapes and textures only with the client."""
        if self._bytes > MAX_BYTES or len(self._drawables) > MAX_DRAWABLES:
            self._client.close()
            self._start()
            return
        for handle in reversed(self._handles):  # handles are reused last in, first out:
            self._client.removeBody(handle)  # each scene gets the same, and is drawn in one order
        self._handles, self._loaded = [], None

    def _add(self, body: Body) -> list[int]:
        client, drawable, handles = self._client, self._drawable(body), []
        color = linear_to_srgb(np.multiply(body.material.base_color, drawable.base_color))
        for shape in drawable.shapes:
            handle = client.createMultiBody(
                0, -1, shape, list(body.position), list(body.quaternion)
            )
            client.changeVisualShape(handle, -1, rgbaColor=[*color.tolist(), 1.0])
            if drawable.texture is not None:
                client.changeVisualShape(handle, -1, textureUniqueId=drawable.texture)
            handles.append(handle)
        return handles

    def _drawable(self, body: Body) -> _Drawable:
        key = (body.model, body.material.texture, body.scale, body.material.own_look)
        if key not in self._drawables:
            model = self.library[body.model]
            mesh, image = _look(model.mesh, body.material, body.scale)
            if not model.watertight:
                mesh = _two_sided(mesh)
            shapes = [self._shape(part, body.scale) for part in _in_chunks(mesh)]
            texture = self._texture(image) if image is not None else None
            self._drawables[key] = _Drawable(shapes, texture, mesh.base_color)
        return self._drawables[key]

    def _shape(self, mesh: Mesh, scale: Vec3) -> int:
        uv = mesh.uv if mesh.uv is not None else np.zeros((len(mesh.vertices), 2))
        lists: dict[str, list[Any]] = {
            "vertices": self._rows[0].of(mesh.vertices * np.array(scale)),
            "normals": self._rows[1].of(_scaled_normals(mesh.normals, scale)),
            "uvs": self._rows[2].of(uv),
            "indices": mesh.faces.ravel().tolist(),
        }
        shape: int = self._client.createVisualShape(self._client.GEOM_MESH, **lists)
        for values in lists.values():  # the lists themselves stay for good, see _Rows
            values.clear()
        self._bytes += len(mesh.vertices) * BYTES_PER_VERTEX
        if shape < 0:
            raise RenderError(f"PyBullet takes no mesh of {len(mesh.vertices)} vertices")
        return shape

    def _texture(self, image: NDArray[np.uint8]) -> int:
        self._files += 1  # PyBullet knows textures by file name: each gets its own
        path = Path(self._folder.name) / f"{self._files}.bmp"
        cv2.imwrite(str(path), image[..., ::-1])
        texture: int = self._client.loadTexture(str(path))
        path.unlink()
        self._bytes += image.nbytes
        return texture


class _Rows:
    """An array's rows as lists, the same lists each time.

    PyBullet never lets go of the lists that it is given, nor of the items that it takes from them.
    """

    def __init__(self) -> None:
        self._rows: list[list[float]] = []

    def of(self, values: NDArray[np.floating]) -> list[list[float]]:
        """Return the rows of an array (N, K); they hold until the next call."""
        rows = values.tolist()
        self._rows += [[] for _ in range(len(rows) - len(self._rows))]
        for row, new in zip(self._rows, rows, strict=False):
            row[:] = new
        return self._rows[: len(rows)]


@dataclass(frozen=True, eq=False)
class _Drawable:
    """A model in one look, as TinyRenderer takes it."""

    shapes: list[int]
    texture: int | None
    base_color: Vec3


def _strength(light: Light) -> float:
    """Return the radiance of a white diffuse surface at the world's origin that faces the light."""
    if light.kind not in POSITIONAL:
        return light.intensity
    squared = max(float(np.dot(light.position, light.position)), 1e-6)
    if light.kind != "area":
        return light.intensity / squared
    facing = -float(np.dot(light.direction, light.position)) / math.sqrt(squared)
    return light.intensity * light.size[0] * light.size[1] * max(facing, 0.0) / squared / math.pi


def projection_matrix(camera: Camera) -> Array:
    """Return the OpenGL projection (4, 4) under which TinyRenderer samples at our pixel centres.

    TinyRenderer samples column u at NDC ``2u/W - 1`` and, since it fills its rows bottom up, row v
    at ``1 - 2(v + 1)/H``. Ray casting confirms it (``tests/oracles``).
    """
    K, near, far = camera.K, camera.near, camera.far
    P = np.zeros((4, 4))
    P[0, 0], P[0, 1] = 2 * K[0, 0] / camera.width, -2 * K[0, 1] / camera.width
    P[0, 2] = 1 - 2 * K[0, 2] / camera.width
    P[1, 1], P[1, 2] = 2 * K[1, 1] / camera.height, 2 * (K[1, 2] + 1) / camera.height - 1
    P[2, 2], P[2, 3] = -(far + near) / (far - near), -2 * far * near / (far - near)
    P[3, 2] = -1
    return P


def _z_depth(
    z_buffer: NDArray[np.float32], instance: NDArray[np.int32], camera: Camera
) -> NDArray[np.float32]:
    near, far = camera.near, camera.far
    depth = far * near / (far - (far - near) * z_buffer.astype(np.float64))
    return np.where(instance > 0, depth, 0.0).astype(np.float32)


def _linear_rgb(
    rgba: NDArray[np.uint8], instance: NDArray[np.int32], scene: Scene
) -> NDArray[np.float32]:
    rgb = linear_of_bytes(rgba[..., :3].astype(np.uint8)).astype(np.float32)
    behind = instance == 0
    if scene.backdrop is None:
        rgb[behind] = scene.background
    else:
        height, width = instance.shape
        rgb[behind] = backdrop_image(scene.backdrop, width, height)[behind]
    return rgb


def _look(mesh: Mesh, material: Material, scale: Vec3) -> tuple[Mesh, NDArray[np.uint8] | None]:
    """Return the mesh with uv, and its texture image (H, W, 3) uint8 sRGB or None."""
    if material.texture is not None:
        mapped = box_mapped(mesh, material.texture.size, scale)
        return mapped, texture_image(material.texture)
    if not material.own_look:
        return Mesh(mesh.vertices, mesh.faces, mesh.normals), None
    if mesh.vertex_colors is not None:
        mesh = bake_vertex_colors(mesh)
    return mesh, mesh.texture


def _two_sided(mesh: Mesh) -> Mesh:
    """Return the mesh with its inside drawn, too: TinyRenderer leaves out faces seen from behind."""
    count = len(mesh.vertices)
    faces = np.concatenate([mesh.faces, mesh.faces[:, ::-1] + count]).astype(np.int32)
    vertices, normals = np.tile(mesh.vertices, (2, 1)), np.tile(mesh.normals, (2, 1))
    normals[count:] *= -1
    uv = np.tile(mesh.uv, (2, 1)) if mesh.uv is not None else None
    return Mesh(vertices, faces, normals, uv, mesh.texture, base_color=mesh.base_color)


def _in_chunks(mesh: Mesh) -> list[Mesh]:
    """Return the mesh in parts that PyBullet takes."""
    if len(mesh.faces) <= FACES_PER_SHAPE and len(mesh.vertices) <= 3 * FACES_PER_SHAPE:
        return [mesh]
    chunks = []
    for start in range(0, len(mesh.faces), FACES_PER_SHAPE):
        used, faces = np.unique(mesh.faces[start : start + FACES_PER_SHAPE], return_inverse=True)
        uv = mesh.uv[used] if mesh.uv is not None else None
        indices = faces.reshape(-1, 3).astype(np.int32)
        chunks.append(Mesh(mesh.vertices[used], indices, mesh.normals[used], uv))
    return chunks


def _scaled_normals(normals: NDArray[np.float32], scale: Vec3) -> NDArray[np.float32]:
    scaled = normals / np.array(scale)
    return (scaled / np.linalg.norm(scaled, axis=1, keepdims=True).clip(1e-12)).astype(np.float32)
