"""Robot arms: kinematics against PyBullet's, collisions against separating planes, labels, looks."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

from simkit.assets.color import srgb_to_linear
from simkit.assets.joints import LinkTree
from simkit.assets.library import Library
from simkit.assets.primitives import primitives
from simkit.assets.urdf import read_tree
from simkit.bullet import Client
from simkit.errors import AssetError, ConfigError, SceneError, SimkitError
from simkit.geometry import apply_transform, transform
from simkit.pipeline import Pipeline
from simkit.robots import FIRST_ID, SHIPPED, Arm, Contacts, free_state, robot_library, urdf_of
from simkit.scene import Body, Scene

FLOOR = Body(
    "floor", "simkit:box", (0.0, 0.0, -0.015), scale=(4.0, 4.0, 0.03), fixed=True, labelled=False
)


shipped = cache(robot_library)


@pytest.fixture(scope="module", params=sorted(SHIPPED))
def robot(request: pytest.FixtureRequest) -> tuple[Arm, Library]:
    library = shipped(request.param).merged(primitives())
    return Arm.of(request.param, library), library


def bullet_poses(tree: LinkTree, state: dict[str, float]) -> dict[str, np.ndarray]:
    """Poses of the link frames as PyBullet has them; it knows no mimic joints."""
    values = dict(state)
    for joint in tree.joints:
        if joint.mimic:
            values[joint.name] = joint.mimic[1] * state[joint.mimic[0]] + joint.mimic[2]
    client = Client()
    body = client.loadURDF(tree.source, useFixedBase=True, flags=client.URDF_USE_INERTIA_FROM_FILE)
    names = {}
    for number in range(client.getNumJoints(body)):
        info = client.getJointInfo(body, number)
        names[info[12].decode()] = number
        if info[1].decode() in values:
            client.resetJointState(body, number, values[info[1].decode()])
    poses = {
        name: transform(*client.getLinkState(body, number, computeForwardKinematics=1)[4:6])
        for name, number in names.items()
    }
    client.close()
    return poses


def test_links_are_where_pybullet_has_them(robot: tuple[Arm, Library]) -> None:
    arm, _ = robot
    rng = np.random.default_rng(0)
    for _ in range(5):
        state = arm.draw(rng)
        ours = arm.tree.poses(state)
        theirs = bullet_poses(arm.tree, state)
        assert len(theirs) == len(ours) - 1  # without the root
        for link, pose in theirs.items():
            assert np.abs(ours[link] - pose).max() < 1e-6, link


def test_states_lie_within_the_limits(robot: tuple[Arm, Library]) -> None:
    arm, _ = robot
    rng = np.random.default_rng(1)
    drawn = [arm.draw(rng, 0.5) for _ in range(300)]
    for joint in arm.tree.free:
        low, high = arm.tree.limits(joint)
        values = np.array([state[joint.name] for state in drawn])
        middle, half = (low + high) / 2, (high - low) / 4
        assert np.abs(values - middle).max() <= half + 1e-12
        assert np.ptp(values) > 1.9 * half


def apart(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether a plane parts points (N, 3) from points (M, 3): n . a + d <= -1, n . b + d >= 1."""
    A = np.vstack([np.hstack([a, np.ones((len(a), 1))]), -np.hstack([b, np.ones((len(b), 1))])])
    found = linprog(
        np.zeros(4), A_ub=A, b_ub=-np.ones(len(A)), bounds=[(None, None)] * 4, method="highs"
    )
    return bool(found.status == 0)


def test_free_states_are_free(robot: tuple[Arm, Library]) -> None:
    arm, library = robot
    base = transform((0.1, -0.2, 0.0), (0.0, 0.0, np.sin(0.4), np.cos(0.4)))
    post = Body("post", "simkit:box", (0.5, 0.2, 0.25), scale=(0.1, 0.1, 0.5), fixed=True)
    scene = Scene(bodies=(FLOOR, post, *arm.bodies(base, arm.middle)))
    assert np.allclose(arm.base_in(scene), base)
    with Contacts(arm, library, (), base) as contacts:
        ignored = contacts.ignored
    rng = np.random.default_rng(2)
    cube = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / 2
    for _ in range(3):
        state = free_state(arm, scene, library, rng, 0.01)
        poses = arm.tree.poses(state)
        points = {k: apply_transform(base @ poses[k], arm.hulls[k]) for k in arm.seen}
        for k, a in enumerate(arm.seen):
            for b in arm.seen[k + 1 :]:
                assert (a, b) in ignored or apart(points[a], points[b]), (a, b)
            if a not in arm.still:
                assert points[a][:, 2].min() > 0.01
                assert apart(points[a], cube * post.scale + np.array(post.position)), a


def test_touching_states_are_found(robot: tuple[Arm, Library]) -> None:
    """A box about the end of the arm is touched; one beyond its reach is not."""
    arm, library = robot
    tip = arm.tree.poses(arm.middle)[arm.seen[-1]][:3, 3]
    for place, touched in ((tip, True), (tip + np.array([0, 0, 5.0]), False)):
        box = Body("box", "simkit:box", tuple(place), scale=(0.02,) * 3, fixed=True)
        with Contacts(arm, library, [box], np.eye(4)) as contacts:
            assert ("box" in {b for _, b in contacts.closer(arm.middle, 0.0)}) is touched
            assert all(pair[1] == "box" for pair in contacts.closer(arm.middle, 0.0))


def test_an_arm_without_room_is_refused() -> None:
    library = shipped("kuka_iiwa").merged(primitives())
    arm = Arm.of("kuka_iiwa", library)
    lid = Body("lid", "simkit:box", (0.0, 0.0, 0.5), scale=(4.0, 4.0, 0.4), fixed=True)
    scene = Scene(bodies=(lid, *arm.bodies(np.eye(4), arm.middle)))
    with pytest.raises(SceneError, match=r"none of 20 joint states .*lid in 20"):
        free_state(arm, scene, library, np.random.default_rng(0), 0.01, tries=20)


def test_links_have_their_own_colours() -> None:
    panda, kuka = shipped("panda"), shipped("kuka_iiwa")
    assert panda["panda/panda_link1"].mesh.texture is not None
    assert np.allclose(panda["panda/panda_link0"].mesh.base_color, 1.0)
    orange = srgb_to_linear([1.0, 0.423529411765, 0.0392156862745])
    assert np.allclose(kuka["kuka_iiwa/lbr_iiwa_link_3"].mesh.base_color, orange)
    assert [m.obj_id for m in kuka.values()] == list(range(FIRST_ID, FIRST_ID + 8))
    assert {m.pool for m in panda.values()} == {"robot"}


CRANE = """<robot name="crane">
<link name="world"/><link name="foot">{shape}</link><link name="slide">{shape}</link>
<link name="wheel">{shape}</link><link name="shadow">{shape}</link>
<joint name="fix" type="fixed"><parent link="world"/><child link="foot"/><origin xyz="0 0 1"/></joint>
<joint name="lift" type="prismatic"><parent link="foot"/><child link="slide"/><axis xyz="0 0 2"/>
<limit lower="0" upper="0.5"/></joint>
<joint name="turn" type="continuous"><parent link="slide"/><child link="wheel"/><axis xyz="0 1 0"/>
<origin xyz="1 0 0"/></joint>
<joint name="follow" type="prismatic"><parent link="foot"/><child link="shadow"/>
<axis xyz="1 0 0"/><mimic joint="lift" multiplier="-2" offset="0.1"/></joint></robot>"""


def crane(folder: Path, **changes: str) -> Path:
    shape = '<visual><geometry><box size="0.1 0.1 0.1"/></geometry></visual>'
    text = CRANE.format(shape=shape)
    for old, new in changes.items():
        text = text.replace(old, new)
    (folder / "crane.urdf").write_text(text)
    return folder / "crane.urdf"


def test_joints_of_all_kinds(tmp_path: Path) -> None:
    library = robot_library(str(crane(tmp_path)))
    arm = Arm.of("crane", library)
    assert [j.name for j in arm.tree.free] == ["lift", "turn"]
    assert arm.still == ("world", "foot")
    assert arm.tree.limits(arm.tree.free[1]) == (-np.pi, np.pi)
    poses = arm.tree.poses({"lift": 0.2, "turn": np.pi / 2})
    assert np.allclose(poses["slide"][:3, 3], [0, 0, 1.2]), "an axis is a direction"
    assert np.allclose(poses["wheel"] @ [0, 0, 1, 1], [2, 0, 1.2, 1])
    assert np.allclose(poses["shadow"][:3, 3], [-0.3, 0, 1])
    with pytest.raises(AssetError, match="'follow' is no free joint"):
        arm.tree.poses({"follow": 0.1})


def test_faulty_joints_are_refused(tmp_path: Path) -> None:
    tree = read_tree(crane(tmp_path, **{'<limit lower="0" upper="0.5"/>': ""}))
    with pytest.raises(AssetError, match="'lift' has no limits"):
        tree.limits(tree.free[0])
    with pytest.raises(AssetError, match="axis"):
        read_tree(crane(tmp_path, **{"0 0 2": "0 0 0"}))
    with pytest.raises(AssetError, match="did you mean 'panda'"):
        urdf_of("pandda")


def config(**scene: Any) -> dict[str, Any]:
    return {
        "models": {"collision": "convex_hull"},
        "scene": {"family": "robot_cell", "objects": 3, **scene},
        "randomizers": {"camera": {"width": 64, "height": 48, "distance": 2.0}},
        "render": {"backend": "embree"},
    }


@pytest.mark.parametrize("mount", ["table", "floor"])
def test_scenes(mount: str) -> None:
    with Pipeline(config(robot="kuka_iiwa", mount=mount)) as pipeline:
        sample = pipeline(0)
        arm, library = Arm.of("kuka_iiwa", pipeline.library), pipeline.library
        state = json.loads(json.dumps(sample.params["joints"]))["states"]["kuka_iiwa"]
        base = arm.base_in(sample.scene)
        bodies = {body.name: body for body in sample.scene.bodies}
        poses = bullet_poses(arm.tree, state)
        for link, pose in poses.items():
            assert np.abs(bodies[f"kuka_iiwa/{link}"].T_world_body - base @ pose).max() < 1e-5
        ids = [library[body.model].obj_id for _, body in sample.scene.labelled()]
        assert sum(one >= FIRST_ID for one in ids) == 8
        assert sum(one < FIRST_ID for one in ids) == 3
        others = [body for body in sample.scene.bodies if not arm.owns(body)]
        with Contacts(arm, library, others, base) as contacts:
            assert contacts.closer(state, 0.004) == []
        foot = base[:3, 3]
        under = bodies["pedestal" if mount == "floor" else "table"]
        reach = np.array(under.scale) / 2
        assert (np.abs(foot - under.position)[:2] + 0.14 < reach[:2]).all()
        assert under.position[2] + reach[2] == pytest.approx(foot[2])


def test_an_unlabelled_arm_hides_and_is_not_labelled() -> None:
    with Pipeline(config(robot="kuka_iiwa", label_links=False)) as pipeline:
        assert len(pipeline(0).scene.labelled()) == 3


def test_no_room_for_the_base_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"scene\.base_distance.*at least 0\.65"):
        Pipeline(config(base_distance=0.5, area=1.0))


def test_unknown_robot() -> None:
    with pytest.raises(SimkitError, match=r"scene\.robot"):
        Pipeline(config(robot="no/such.urdf"))
