"""URDF files: as one rigid model with all links at zero joint angles, or link by link.

Read with the standard library's XML parser. `yourdfpy` is the well-kept alternative; it brings 27
packages (``trimesh[easy]`` with shapely, manifold3d, httpx, ...), and only kinematics, which are
products of joints' transforms, and looks are needed here. PyBullet's own loader prints its
complaints to the terminal, and takes a missing mesh file for an empty one.

How looks are taken: a mesh with a texture or colours of its own keeps them; everything else gets
the visual's material. ``rgba`` is sRGB, as viewers show it.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from simkit.assets.color import srgb_to_linear
from simkit.assets.joints import MOVING, Joint, LinkTree
from simkit.assets.named_parts import named
from simkit.assets.parts import Part, moved
from simkit.assets.reading import GREY, read_parts
from simkit.errors import AssetError
from simkit.scene import Vec3, vec3

Float = NDArray[np.float64]

ROUND_SECTIONS = 48
"""Sides of a cylinder, capsule or sphere."""


@dataclass(frozen=True)
class _Robot:
    path: Path
    root: ET.Element
    colors: dict[str, Vec3]


def read_urdf(path: Path) -> tuple[list[Part], list[str]]:
    """Return the parts of all links [m] in the frame of the root link, and remarks.

    Where several links are seen, their names are those of the parts.

    A file without visuals gives its collision shapes instead, with a remark.

    Raises:
        AssetError: the file is no URDF, its links are no tree, or a mesh file cannot be used.
    """
    robot = _parse(path)
    poses = _tree(robot).poses({})
    for tag in ("visual", "collision"):
        shapes = [
            (poses[link.get("name", "")], shape)
            for link in robot.root.findall("link")
            for shape in link.findall(tag)
        ]
        if shapes:
            return _read_shapes(robot, shapes, tag, _links_by_shape(robot, tag))
    raise AssetError(f"{path}: no link has a <visual> or <collision>; add one")


def read_tree(path: Path) -> LinkTree:
    """Return the links and joints alone; `AssetError` if the file is no URDF, or no tree."""
    return _tree(_parse(path))


def read_links(path: Path) -> tuple[LinkTree, dict[str, list[Part]], list[str]]:
    """Return the links and joints, the parts [m] of each link that is seen, in its frame, and remarks.

    Raises:
        AssetError: as `read_urdf` does, or no link has a <visual>.
    """
    robot = _parse(path)
    tree = _tree(robot)
    parts: dict[str, list[Part]] = {}
    notes: list[str] = []
    for link in robot.root.findall("link"):
        shapes = [(np.eye(4), shape) for shape in link.findall("visual")]
        if shapes:
            parts[link.get("name", "")], remarks = _read_shapes(robot, shapes, "visual")
            notes += remarks
    if not parts:
        raise AssetError(f"{path}: no link has a <visual>; add one")
    return tree, parts, notes


def _links_by_shape(robot: _Robot, tag: str) -> dict[ET.Element, str]:
    """Return the link of each shape; nothing if they are all of one."""
    links = robot.root.findall("link")
    owners = {shape: link.get("name", "") for link in links for shape in link.findall(tag)}
    return owners if len(set(owners.values())) > 1 else {}


def _read_shapes(
    robot: _Robot,
    shapes: list[tuple[Float, ET.Element]],
    tag: str,
    owners: Mapping[ET.Element, str] | None = None,
) -> tuple[list[Part], list[str]]:
    parts: list[Part] = []
    faults: list[str] = []
    notes = [] if tag == "visual" else [f"{robot.path}: has no visuals; collision shapes are shown"]
    for T_root_link, shape in shapes:
        try:
            read, remarks = _shape(robot, shape)
        except AssetError as error:
            faults.append(str(error))
            continue
        if owners:
            read = [named(part, owners[shape]) for part in read]
        T = T_root_link @ _origin(robot, shape)
        parts += [moved(part, T) for part in read]
        notes += remarks
    if faults:
        raise AssetError("\n".join(dict.fromkeys(faults)))
    return parts, notes


def _parse(path: Path) -> _Robot:
    try:
        # Some files have a blank line or a space before their XML declaration.
        root = ET.fromstring(
            path.read_text(encoding="utf-8", errors="replace").lstrip("\ufeff \r\n\t")
        )
    except (ET.ParseError, ValueError) as error:
        raise AssetError(f"{path}: is no well-formed XML ({error}); correct that line") from None
    if root.tag != "robot":
        raise AssetError(f"{path}: is no URDF: its root is <{root.tag}>, not <robot>")
    colors = {}
    for material in root.iter("material"):
        color = material.find("color")
        if color is not None:
            colors[material.get("name", "")] = _rgba(path, color)
    return _Robot(path, root, colors)


def _tree(robot: _Robot) -> LinkTree:
    names = [link.get("name", "") for link in robot.root.findall("link")]
    if not names:
        raise AssetError(f"{robot.path}: has no <link>; add one with a <visual>")
    joints: dict[str, Joint] = {}
    for element in robot.root.findall("joint"):
        joint = _joint(robot, element, names)
        if joint.child in joints:
            raise AssetError(
                f"{robot.path}: link '{joint.child}' is the child of two joints; remove one"
            )
        joints[joint.child] = joint
    roots = [name for name in names if name not in joints]
    if len(roots) != 1:
        raise AssetError(
            f"{robot.path}: has {len(roots)} root links ({', '.join(roots)}); "
            "join them with fixed joints to one tree"
        )
    ordered: list[Joint] = []
    placed = {roots[0]}
    while len(placed) < len(names):
        ready = [j for j in joints.values() if j.child not in placed and j.parent in placed]
        if not ready:
            raise AssetError(f"{robot.path}: its joints form a loop; a URDF is a tree")
        ordered += ready
        placed |= {joint.child for joint in ready}
    return LinkTree(str(robot.path), roots[0], tuple(names), tuple(ordered))


def _joint(robot: _Robot, element: ET.Element, names: list[str]) -> Joint:
    parent, child = (_link_of(robot, element, tag, names) for tag in ("parent", "child"))
    kind = element.get("type", "")
    name, T = element.get("name", ""), _origin(robot, element)
    if kind not in MOVING:
        return Joint(name, kind, parent, child, T, np.zeros(3))
    along, limit, mimic = (element.find(tag) for tag in ("axis", "limit", "mimic"))
    axis = np.array([1.0, 0.0, 0.0])  # URDF's default
    if along is not None:
        axis = np.array(_numbers(robot, along, "xyz", 3, (1.0, 0.0, 0.0)))
    if not axis.any():
        raise AssetError(f"{robot.path}: joint '{name}' moves, but its <axis> is zero; correct it")
    limits, follows = None, None
    if limit is not None:
        low, high = (_numbers(robot, limit, end, 1, (0.0,))[0] for end in ("lower", "upper"))
        limits = low, high
    if mimic is not None:
        factor = _numbers(robot, mimic, "multiplier", 1, (1.0,))[0]
        offset = _numbers(robot, mimic, "offset", 1, (0.0,))[0]
        follows = mimic.get("joint", ""), factor, offset
    return Joint(name, kind, parent, child, T, axis / np.linalg.norm(axis), limits, follows)


def _link_of(robot: _Robot, joint: ET.Element, tag: str, names: list[str]) -> str:
    element = joint.find(tag)
    name = "" if element is None else element.get("link", "")
    if name not in names:
        raise AssetError(
            f"{robot.path}: joint '{joint.get('name')}' names the {tag} link '{name}', "
            "which is not there"
        )
    return name


def _shape(robot: _Robot, shape: ET.Element) -> tuple[list[Part], list[str]]:
    geometry = shape.find("geometry")
    if geometry is None or len(geometry) == 0:
        raise AssetError(f"{robot.path}: a <{shape.tag}> has no <geometry>; add one")
    color = _color(robot, shape)
    body = geometry[0]
    if body.tag == "mesh":
        return _mesh(robot, body, color)
    solid = _primitive(robot, body)
    part = Part(
        vertices=np.array(solid.vertices, dtype=np.float64),
        faces=np.array(solid.faces, dtype=np.int64),
        base_color=color or GREY,
    )
    return [part], []


def _mesh(robot: _Robot, body: ET.Element, color: Vec3 | None) -> tuple[list[Part], list[str]]:
    file = _resolve(robot.path, body.get("filename", ""))
    try:
        parts, notes = read_parts(file, colored=color is not None)
    except AssetError as error:
        raise AssetError(f"{robot.path}: {error}") from None
    T = np.diag([*_numbers(robot, body, "scale", 3, (1.0, 1.0, 1.0)), 1.0])
    bare = all(part.texture is None and part.vertex_colors is None for part in parts)
    if bare and color is not None:
        parts = [replace(part, base_color=color) for part in parts]
    return [moved(part, T) for part in parts], notes


def _primitive(robot: _Robot, body: ET.Element) -> trimesh.Trimesh:
    def number(name: str) -> float:
        return _numbers(robot, body, name, 1)[0]

    if body.tag == "box":
        return trimesh.creation.box(extents=_numbers(robot, body, "size", 3))
    if body.tag == "cylinder":
        return trimesh.creation.cylinder(
            radius=number("radius"), height=number("length"), sections=ROUND_SECTIONS
        )
    if body.tag == "sphere":
        return trimesh.creation.uv_sphere(
            radius=number("radius"), count=[ROUND_SECTIONS // 2, ROUND_SECTIONS]
        )
    if body.tag == "capsule":
        capsule = trimesh.creation.capsule(
            radius=number("radius"), height=number("length"), count=[ROUND_SECTIONS // 2] * 2
        )
        capsule.apply_translation([0.0, 0.0, -capsule.bounds.mean(axis=0)[2]])
        return capsule
    raise AssetError(
        f"{robot.path}: <{body.tag}> is no shape of a rigid model; "
        "allowed are mesh, box, cylinder, sphere, capsule"
    )


def _color(robot: _Robot, shape: ET.Element) -> Vec3 | None:
    material = shape.find("material")
    if material is None:
        return None
    color = material.find("color")
    return robot.colors.get(material.get("name", "")) if color is None else _rgba(robot.path, color)


def _rgba(path: Path, color: ET.Element) -> Vec3:
    try:
        red, green, blue = (float(v) for v in color.get("rgba", "").split()[:3])
    except ValueError:
        raise AssetError(
            f'{path}: <color rgba="{color.get("rgba")}"> is not four numbers; correct it'
        ) from None
    return vec3(srgb_to_linear(np.clip([red, green, blue], 0.0, 1.0)))


def _origin(robot: _Robot, element: ET.Element) -> Float:
    T = np.eye(4)
    origin = element.find("origin")
    if origin is None:
        return T
    # Fixed-axis roll, pitch, yaw: lower-case 'xyz' in SciPy.
    angles = _numbers(robot, origin, "rpy", 3, (0.0, 0.0, 0.0))
    T[:3, :3] = Rotation.from_euler("xyz", angles).as_matrix()
    T[:3, 3] = _numbers(robot, origin, "xyz", 3, (0.0, 0.0, 0.0))
    return T


def _numbers(
    robot: _Robot,
    element: ET.Element,
    name: str,
    count: int,
    default: tuple[float, ...] | None = None,
) -> tuple[float, ...]:
    text = element.get(name)
    if text is None and default is not None:
        return default
    try:
        values = tuple(float(word) for word in (text or "").split())
    except ValueError:
        values = ()
    if len(values) != count or not np.isfinite(values).all():
        raise AssetError(
            f'{robot.path}: <{element.tag} {name}="{text or ""}"> is not {count} number(s); '
            "correct it"
        )
    return values


def _resolve(urdf: Path, name: str) -> Path:
    """Return the mesh file that a URDF names; ``package://`` is looked for in the folders above."""
    relative = name.removeprefix("file://")
    if not relative.startswith("package://"):
        return urdf.parent / relative
    inside = relative.removeprefix("package://")
    without_package = inside.partition("/")[2]
    for folder in urdf.resolve().parents:
        for candidate in (folder / inside, folder / without_package):
            if candidate.is_file():
                return candidate
    return urdf.parent / without_package
