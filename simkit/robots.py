"""Robot arms from URDF files: links as models, and joint states in which nothing touches.

Each link that is seen is a model ``ROBOT/LINK`` of the pool `POOL`, and a body of that name. A
link's collision shape is the convex hull of what is seen of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import ConvexHull

from simkit.assets.collision import CollisionSettings
from simkit.assets.joints import LinkTree
from simkit.assets.library import Library, Model
from simkit.assets.mesh import Mesh
from simkit.assets.named_parts import NamedParts
from simkit.assets.parts import Part, joined
from simkit.assets.solid import measure
from simkit.assets.urdf import read_links, read_tree
from simkit.bullet import Client
from simkit.errors import AssetError, SceneError, did_you_mean
from simkit.geometry import Array, apply_transform, invert, quaternion_of
from simkit.scene import Body, Scene, quaternion, vec3

POOL = "robot"
FIRST_ID = 200_001
"""Links' obj_ids and category_ids count from here, so that they clash with no other model's."""

SHIPPED = {"panda": "franka_panda/panda.urdf", "kuka_iiwa": "kuka_iiwa/model.urdf"}
"""Arms that come with PyBullet, by name; paths in its data folder."""

LICENCES = {"panda": "Apache-2.0", "kuka_iiwa": "BSD-2-Clause"}
"""Of those arms, as their files say."""

Pair = tuple[str, str]


def urdf_of(robot: str) -> tuple[str, Path]:
    """Return name and file of a robot: one of `SHIPPED`, or the path of a URDF file.

    Raises:
        AssetError: it is neither.
    """
    if robot in SHIPPED:
        import pybullet_data  # here, for it is needed by this alone

        return robot, Path(pybullet_data.getDataPath()) / SHIPPED[robot]
    path = Path(robot)
    if path.suffix.lower() != ".urdf" or not path.is_file():
        raise AssetError(f"scene.robot: '{robot}' is no .urdf file; {did_you_mean(robot, SHIPPED)}")
    return path.stem, path


def robot_library(robot: str) -> Library:
    """Return the links of a robot (see `urdf_of`) as models, numbered from `FIRST_ID` in file order."""
    name, path = urdf_of(robot)
    _, parts, notes = read_links(path)
    models, links = [], tuple(parts)
    for number, (link, seen) in enumerate(parts.items()):
        mesh = joined(_by_look(seen))
        solid = measure(mesh)
        models.append(
            Model(
                name=f"{name}/{link}",
                obj_id=FIRST_ID + number,
                category=f"{name}/{link}",
                category_id=FIRST_ID + number,
                mesh=mesh,
                diameter=solid.diameter,
                volume=solid.volume,
                center_of_mass=solid.center_of_mass,
                watertight=solid.watertight,
                licence=LICENCES.get(robot, ""),
                source=str(path),
                pool=POOL,
                parts=NamedParts(links, np.full(len(mesh.faces), number, np.uint16), name),
            )
        )
    return Library(models, notes, CollisionSettings("convex_hull"))


@dataclass(frozen=True, eq=False)
class Arm:
    """A robot: its links and joints, and the convex hulls (V, 3) [m] of its links that are models."""

    name: str
    tree: LinkTree
    hulls: Mapping[str, Array]

    @classmethod
    def of(cls, name: str, library: Library) -> Arm:
        """Return the robot `name` whose links are in a library; `AssetError` if none is."""
        links = [one for one in library.names_of(POOL) if one.startswith(f"{name}/")]
        if not links:
            raise AssetError(f"robot '{name}': the library has no link of it; see scene.robot")
        hulls = {link.removeprefix(f"{name}/"): _hull_of(library[link].mesh) for link in links}
        return cls(name, read_tree(Path(library[links[0]].source)), hulls)

    @property
    def seen(self) -> tuple[str, ...]:
        """Links that are models, in the order of the file."""
        return tuple(self.hulls)

    @property
    def middle(self) -> dict[str, float]:
        """Return the state (rad or m by joint) in the middle of all limits."""
        return {j.name: float(np.mean(self.tree.limits(j))) for j in self.tree.free}

    @property
    def still(self) -> tuple[str, ...]:
        """Links that no joint moves."""
        moving: set[str] = set()
        for joint in self.tree.joints:
            if joint.is_free or joint.mimic or joint.parent in moving:
                moving.add(joint.child)
        return tuple(link for link in self.tree.links if link not in moving)

    def draw(self, rng: np.random.Generator, share: float = 1.0) -> dict[str, float]:
        """Draw a state, each joint uniformly from the middle `share` of its limits."""
        state = {}
        for joint in self.tree.free:
            low, high = self.tree.limits(joint)
            value = (low + high) / 2 + (rng.random() - 0.5) * share * (high - low)
            state[joint.name] = float(np.clip(value, low, high))
        return state

    def bodies(self, T_world_base: Array, state: Mapping[str, float]) -> list[Body]:
        """Return its links as bodies; those that joints move are in nobody's way while others settle."""
        poses = self.tree.poses(state)
        still = self.still
        return [
            placed(
                Body(
                    f"{self.name}/{link}",
                    f"{self.name}/{link}",
                    fixed=True,
                    settles=link in still,
                ),
                T_world_base @ poses[link],
            )
            for link in self.seen
        ]

    def moved(self, scene: Scene, state: Mapping[str, float]) -> Scene:
        """Return the scene with this robot's bodies at another state, its base where it was."""
        poses = self.tree.poses(state)
        T_world_base = self.base_in(scene)
        bodies = [
            placed(body, T_world_base @ poses[self.link_of(body)]) if self.owns(body) else body
            for body in scene.bodies
        ]
        return scene.with_bodies(bodies)

    def base_in(self, scene: Scene) -> Array:
        """Return ``T_world_base`` (4, 4) of its root link, from a body that no joint moves.

        Raises:
            SceneError: the scene has none.
        """
        rest = self.tree.poses({})
        for body in scene.bodies:
            if self.owns(body) and self.link_of(body) in self.still:
                return body.T_world_body @ invert(rest[self.link_of(body)])
        raise SceneError(f"robot '{self.name}': the scene has no link that stays in place")

    def owns(self, body: Body) -> bool:
        """Return whether a body is one of its links."""
        return body.name.startswith(f"{self.name}/") and self.link_of(body) in self.seen

    def link_of(self, body: Body) -> str:
        """Return the link that one of its bodies is."""
        return body.name.removeprefix(f"{self.name}/")


def arms_in(scene: Scene, library: Library) -> list[str]:
    """Return the names of the robots whose links are in a scene."""
    links = [body.model for body in scene.bodies if library[body.model].pool == POOL]
    return sorted({link.partition("/")[0] for link in links})


class Contacts:
    """Tells what of an arm is too close to itself or to other bodies; close it when done.

    Self-contacts that no state can avoid do not count: links that a joint connects (directly or by
    way of links that are not seen), links with one parent, and what touches in the middle of all
    limits, for hulls are larger than links (the kinds "adjacent" and "default" of MoveIt's Setup
    Assistant). Links that stay in place are not held against other bodies.
    """

    def __init__(
        self, arm: Arm, library: Library, others: Iterable[Body], T_world_base: Array
    ) -> None:
        self.arm = arm
        self._base = T_world_base
        self._client = Client()
        self._links = {link: self._hull(hull) for link, hull in arm.hulls.items()}
        self._others: list[tuple[str, int, Array, float]] = []
        for body in others:
            for hull in library.collision(body.model):
                points = apply_transform(body.T_world_body, hull * np.array(body.scale))
                self._others.append((body.name, *self._hull(points)))
        self._ignored = self._joined_pairs() | set(self._touching(arm.middle, set()))

    def close(self) -> None:
        """Free the engine."""
        self._client.close()

    def __enter__(self) -> Contacts:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def ignored(self) -> frozenset[Pair]:
        """Pairs of links that may touch."""
        return frozenset(self._ignored)

    def closer(self, state: Mapping[str, float], distance: float) -> list[Pair]:
        """Return the pairs of links that touch, and of links and bodies closer than `distance` [m]."""
        near = self._touching(state, self._ignored)
        moving = [link for link in self.arm.seen if link not in self.arm.still]
        for link in moving:
            handle, middle, radius = self._links[link]
            at = apply_transform(self._base @ self._at[link], middle[None])[0]
            for name, other, centre, reach in self._others:
                if np.linalg.norm(at - centre) > radius + reach + distance:
                    continue
                if self._client.getClosestPoints(handle, other, distance):
                    near.append((link, name))
        return near

    def _touching(self, state: Mapping[str, float], ignored: set[Pair]) -> list[Pair]:
        """Put the links at `state`; return the pairs of them that touch (Bullet's skin: 2 mm)."""
        self._at = self.arm.tree.poses(state)
        for link, (handle, _, _) in self._links.items():
            T = self._base @ self._at[link]
            self._client.resetBasePositionAndOrientation(
                handle, T[:3, 3].tolist(), quaternion_of(T).tolist()
            )
        links = list(self._links)
        pairs = [(a, b) for k, a in enumerate(links) for b in links[k + 1 :]]
        return [
            (a, b)
            for a, b in pairs
            if (a, b) not in ignored
            and self._client.getClosestPoints(self._links[a][0], self._links[b][0], 0.0)
        ]

    def _joined_pairs(self) -> set[Pair]:
        up = {joint.child: joint.parent for joint in self.arm.tree.joints}

        def parent_of(link: str) -> str:
            link = up.get(link, "")
            while link and link not in self.arm.seen:
                link = up.get(link, "")
            return link

        seen = self.arm.seen
        return {
            (a, b)
            for k, a in enumerate(seen)
            for b in seen[k + 1 :]
            if parent_of(a) in (b, parent_of(b)) or parent_of(b) == a
        }

    def _hull(self, points: Array) -> tuple[int, Array, float]:
        """Return a hull's handle, its bounding sphere's middle (3,) and radius [m]."""
        client = self._client
        shape = client.createCollisionShape(client.GEOM_MESH, vertices=points.tolist())
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        radius = float(np.linalg.norm(points - middle, axis=1).max())
        return client.createMultiBody(0.0, shape), middle, radius


def free_state(
    arm: Arm,
    scene: Scene,
    library: Library,
    rng: np.random.Generator,
    clearance: float,
    share: float = 1.0,
    tries: int = 500,
) -> dict[str, float]:
    """Draw a joint state in which the arm keeps off itself and everything else.

    Args:
        arm: its bodies are in the scene.
        scene: settled.
        library: its models.
        rng: for the state.
        clearance: least distance [m] of moving links from all that is not the arm.
        share: part of each joint's range, about its middle, that is drawn from.
        tries: states that are drawn at most.

    Raises:
        SceneError: none is free; the message says what was in the way most often.
    """
    others = [body for body in scene.bodies if not arm.owns(body)]
    blocked: Counter[Pair] = Counter()
    with Contacts(arm, library, others, arm.base_in(scene)) as contacts:
        for _ in range(tries):
            state = arm.draw(rng, share)
            near = contacts.closer(state, clearance)
            if not near:
                return state
            blocked.update(near)
    worst = "; ".join(f"{a} and {b} in {n}" for (a, b), n in blocked.most_common(3))
    raise SceneError(
        f"robot '{arm.name}': none of {tries} joint states keeps {clearance:g} m clear ({worst}); "
        "lower randomizers.joints.clearance or joint_range, raise tries, or give it room"
    )


def placed(body: Body, T_world_body: Array) -> Body:
    """Return a body at a pose (4, 4)."""
    values = {**body.__dict__, "position": vec3(T_world_body[:3, 3])}
    return Body(**{**values, "quaternion": quaternion(quaternion_of(T_world_body))})


def _hull_of(mesh: Mesh) -> Array:
    points = mesh.vertices.astype(np.float64)
    return np.asarray(points[ConvexHull(points).vertices])


def _by_look(parts: list[Part]) -> list[Part]:
    """Join parts that have the same texture: files share one, and an atlas would repeat it."""
    groups: dict[tuple[bytes, object, bool], list[Part]] = {}
    for number, part in enumerate(parts):
        if part.texture is None:
            groups[(b"", number, False)] = [part]
            continue
        look = part.texture.tobytes(), part.base_color, part.normals is None
        groups.setdefault(look, []).append(part)
    return [_together(group) for group in groups.values()]


def _together(parts: list[Part]) -> Part:
    starts = np.cumsum([0] + [len(part.vertices) for part in parts[:-1]])
    normals = [part.normals for part in parts if part.normals is not None]
    uvs = [part.uv for part in parts if part.uv is not None]
    return Part(
        vertices=np.concatenate([part.vertices for part in parts]),
        faces=np.concatenate([part.faces + s for part, s in zip(parts, starts, strict=True)]),
        normals=np.concatenate(normals) if normals else None,
        uv=np.concatenate(uvs) if uvs else None,
        texture=parts[0].texture,
        vertex_colors=parts[0].vertex_colors if len(parts) == 1 else None,
        base_color=parts[0].base_color,
    )
