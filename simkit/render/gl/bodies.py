"""A scene's bodies as a renderer draws them: buffers, textures, and the numbers of their block."""

from __future__ import annotations

from dataclasses import dataclass

import moderngl
import numpy as np
from scipy.spatial.transform import Rotation

from simkit.assets.color import linear_of_bytes
from simkit.assets.library import Library
from simkit.assets.mesh import Mesh
from simkit.geometry import Array
from simkit.render.gl import blocks
from simkit.render.gl.store import MeshBuffers, Store
from simkit.scene import Body, Scene

SLAB_TOLERANCE = 2e-3
"""By how much a body may sink into a slab that it lies on [m]."""


@dataclass(eq=False)
class Drawn:
    """One body, ready to be drawn.

    Attributes:
        offset: of its block in the bodies' uniform buffer [bytes].
        features: what its material needs of the shader.
        textures: (texture, unit) to bind.
        box: (8, 3) corners [m, world] of its model's box.
        slab: whether its mesh is that box: it cannot hide one part of itself from light.
    """

    buffers: MeshBuffers
    offset: int
    features: frozenset[str]
    textures: tuple[tuple[moderngl.Texture, int], ...]
    box: Array
    slab: bool


def prepare(scene: Scene, library: Library, store: Store) -> tuple[list[Drawn], np.ndarray]:
    """Return the bodies in order, and their blocks."""
    data = np.zeros(len(scene.bodies), dtype=blocks.BODY)
    meshes = [library[body.model].mesh for body in scene.bodies]
    boxes = _place(scene, meshes, data)
    drawn = []
    for place, (body, mesh) in enumerate(zip(scene.bodies, meshes, strict=True)):
        _fill(data[place], body, mesh, place + 1)
        features, textures = _look(data[place], body, mesh, store)
        drawn.append(
            Drawn(
                buffers=store.mesh(mesh),
                offset=place * blocks.BODY_STRIDE,
                features=features,
                textures=textures,
                box=boxes[place],
                slab=_is_slab(mesh),
            )
        )
    return drawn, data


def casts_for(direction: Array, bodies: list[Drawn], position: Array | None = None) -> list[Drawn]:
    """Return the bodies that can hide light from something.

    A slab, such as a floor, on whose lit side all other bodies lie, hides nothing; without it a
    shadow map can be fitted to what does.

    Args:
        direction: along which the light travels (3,), if it is far away.
        bodies: of the scene.
        position: of the light (3,) [m], if it is near.
    """
    casting = []
    for body in bodies:
        if not (body.slab and _behind_all(body, bodies, direction, position)):
            casting.append(body)
    return casting


def _behind_all(slab: Drawn, bodies: list[Drawn], direction: Array, position: Array | None) -> bool:
    rest = [other.box for other in bodies if other is not slab]
    if not rest:
        return True
    others = np.concatenate(rest)
    corner = slab.box[0]
    for end in (1, 2, 4):  # the corners beside the first: the box' edges
        edge = slab.box[end] - corner
        length = float(np.linalg.norm(edge))
        if length > 0:
            axis = edge / length
        else:  # a plane: its normal is square to the other two edges
            flat = [slab.box[k] - corner for k in (1, 2, 4) if k != end]
            axis = np.cross(flat[0], flat[1])
            norm = float(np.linalg.norm(axis))
            if norm == 0:
                continue
            axis = axis / norm
        for side, start in ((axis, float(corner @ axis) + length), (-axis, -float(corner @ axis))):
            lit = direction @ side < 0 if position is None else position @ side > start
            if lit and float((others @ side).min()) > start - SLAB_TOLERANCE:
                return True
    return False


def _place(scene: Scene, meshes: list[Mesh], data: np.ndarray) -> Array:
    """Fill in the bodies' matrices; return the corners (N, 8, 3) [m, world] of their boxes."""
    if not meshes:
        return np.zeros((0, 8, 3))
    turns = Rotation.from_quat([body.quaternion for body in scene.bodies]).as_matrix()
    scales = np.array([body.scale for body in scene.bodies])[:, None, :]
    positions = np.array([body.position for body in scene.bodies])
    model, normal = turns * scales, turns / scales
    data["world_from_model"][:, :3, :3] = model.transpose(0, 2, 1)
    data["world_from_model"][:, 3, :3] = positions
    data["world_from_model"][:, 3, 3] = 1.0
    data["world_from_normal"][:, :3, :3] = normal.transpose(0, 2, 1)
    data["scale"][:, :3] = scales[:, 0]
    bounds = np.array([mesh.bounds for mesh in meshes], dtype=np.float64)
    corners = bounds[:, _CORNERS, np.arange(3)]
    return np.asarray(corners @ model.transpose(0, 2, 1) + positions[:, None])


_CORNERS = np.arange(8)[:, None] >> np.arange(3) & 1
"""(8, 3): whether a box' corner lies at the low or the high end of each axis."""


def _fill(block: np.ndarray, body: Body, mesh: Mesh, instance: int) -> None:
    material = body.material
    kept = material.own_look and material.texture is None
    own = mesh.base_color if kept else (1.0, 1.0, 1.0)
    block["surface"] = (*np.multiply(material.base_color, own), material.roughness)
    block["tiling"][0] = material.texture.size if material.texture else 1.0
    block["tiling"][1] = material.normal_map.size if material.normal_map else 1.0
    block["tiling"][2] = material.metallic
    block["ids"][0] = instance


def _look(
    block: np.ndarray, body: Body, mesh: Mesh, store: Store
) -> tuple[frozenset[str], tuple[tuple[moderngl.Texture, int], ...]]:
    material, features = body.material, set()
    textures: list[tuple[moderngl.Texture, int]] = []
    if material.texture is not None:
        features.add("BOX_TEXTURE")
        textures.append((store.texture(material.texture), 0))
    elif material.own_look and mesh.vertex_colors is not None:
        features.add("VERTEX_COLORS")
    elif material.own_look and mesh.texture is not None and mesh.uv is not None:
        features.add("OWN_TEXTURE")
        textures.append((store.own_texture(mesh), 0))
    if material.normal_map is not None:
        features.add("NORMAL_MAP")
        textures.append((store.texture(material.normal_map, linear=True), 1))
    if features & {"BOX_TEXTURE", "NORMAL_MAP"}:
        axes = store.face_axes(mesh, body.scale)
        if axes.extra is None:
            textures.append((axes, 2))
        else:  # as on a plane: nothing to look up
            features.add("ONE_AXIS")
            block["ids"][1] = axes.extra
    return frozenset(features), tuple(textures)


def _is_slab(mesh: Mesh) -> bool:
    if len(mesh.vertices) > 64:
        return False
    low, high = mesh.bounds
    at_end = (mesh.vertices == low.astype(np.float32)) | (mesh.vertices == high.astype(np.float32))
    return bool(at_end.all())


def mean_color(body: Body, mesh: Mesh) -> Array:
    """Return a body's linear RGB (3,), about."""
    material = body.material
    color = np.asarray(material.base_color, dtype=np.float64)
    if material.texture is not None:
        if material.texture.kind == "image":
            return color * 0.4
        return np.asarray(color * np.mean(material.texture.colors, axis=0))
    if not material.own_look:
        return color
    color = color * np.asarray(mesh.base_color)
    own = mesh.vertex_colors if mesh.vertex_colors is not None else mesh.texture
    if own is not None:
        few = own.reshape(-1, 3)[:: max(own.size // 3 // 1000, 1)]
        color = color * linear_of_bytes(few).mean(axis=0)
    return color
