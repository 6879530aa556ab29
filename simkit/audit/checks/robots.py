"""Joint states against the poses of the links, by forward kinematics of the URDF."""

from __future__ import annotations

import numpy as np

from simkit.audit.checking import Case, Float, Measured, check, worst
from simkit.audit.kinematics import free_joints, joints_of, link_poses
from simkit.audit.stored import NotApplicable, NotStored, Placed

ROUNDING = 1e-9
"""By so much a value may pass its joint's limits [rad or m]."""


@check("joint_states", "largest distance of a link to where the joints put it [m] (a turn by a radian "
       "counts as a metre), from the link that is nearest to the base")  # fmt: skip
def joint_states(case: Case) -> Measured:
    states = case.image.of_image("joint_states")
    robots = _robots(case.image.bodies)
    if not case.image.complete:
        raise NotStored("params.json")
    if not robots and not states:
        raise NotApplicable("no robots")
    found = [(1.0, f"there is no robot '{name}'") for name in states if name not in robots]
    for robot, links in robots.items():
        if robot not in states:
            found.append((1.0, f"{robot} has no state"))
            continue
        joints = joints_of(next(iter(links.values())).shape.source)
        limits, state = free_joints(joints), states[robot]
        if set(limits) != set(state):
            wrong = sorted(set(limits) ^ set(state))
            found.append((1.0, f"{robot}: joints {wrong} are not in both"))
            continue
        beyond = [
            max(low - state[name], state[name] - high) for name, (low, high) in limits.items()
        ]
        if max(beyond, default=0.0) > ROUNDING:
            found.append((max(beyond), f"{robot}: a joint is beyond its limits"))
        found += [
            (off, f"{robot}/{link}") for link, off in _distances(links, link_poses(joints, state))
        ]
    return worst(found, 1e-5)


def _robots(bodies: list[Placed]) -> dict[str, dict[str, Placed]]:
    """Return the links of each robot, by names."""
    found: dict[str, dict[str, Placed]] = {}
    for body in bodies:
        if body.shape.is_link:
            robot, _, link = body.name.partition("/")
            found.setdefault(robot, {})[link] = body
    return found


def _distances(links: dict[str, Placed], poses: dict[str, Float]) -> list[tuple[str, float]]:
    """Return how far each link is from where `poses` have it, if the first one is where it is."""
    first = next(iter(links))
    T_base = _pose(links[first]) @ np.linalg.inv(poses[first])
    found = []
    for link, body in links.items():
        off = np.linalg.inv(T_base @ poses[link]) @ _pose(body)
        turn = np.arccos(np.clip((np.trace(off[:3, :3]) - 1) / 2, -1.0, 1.0))
        turn = turn if turn > 1e-6 else 0.0  # arccos tells no less
        found.append((link, float(np.linalg.norm(off[:3, 3]) + turn)))
    return found


def _pose(body: Placed) -> Float:
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = body.R, body.t
    return T
