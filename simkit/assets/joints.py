"""Rigid links joined to a tree, and where they are for given joint values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from simkit.errors import AssetError
from simkit.geometry import Array

TURNING = ("revolute", "continuous")
MOVING = (*TURNING, "prismatic")


@dataclass(frozen=True, eq=False)
class Joint:
    """What holds a link to its parent, as URDF has it.

    Attributes:
        kind: ``revolute``, ``continuous`` and ``prismatic`` move; all others are held at zero.
        T_parent_joint: (4, 4) pose of the child's frame in the parent's at zero.
        axis: unit vector (3,) in the child's frame, about or along which it moves.
        limits: lowest and highest value [rad or m]; None if the file gives none.
        mimic: joint that it follows, factor and offset; None if it has a value of its own.
    """

    name: str
    kind: str
    parent: str
    child: str
    T_parent_joint: Array
    axis: Array
    limits: tuple[float, float] | None = None
    mimic: tuple[str, float, float] | None = None

    @property
    def is_free(self) -> bool:
        """Whether it has a value of its own."""
        return self.kind in MOVING and self.mimic is None

    def motion(self, value: float) -> Array:
        """Return the child's pose (4, 4) at `value` [rad or m], in its frame at zero."""
        T = np.eye(4)
        if self.kind in TURNING:
            T[:3, :3] = Rotation.from_rotvec(self.axis * value).as_matrix()
        elif self.kind == "prismatic":
            T[:3, 3] = self.axis * value
        return T


@dataclass(frozen=True, eq=False)
class LinkTree:
    """Links by name and the joints between them; `joints` come parent first."""

    source: str
    root: str
    links: tuple[str, ...]
    joints: tuple[Joint, ...]

    @property
    def free(self) -> tuple[Joint, ...]:
        """Joints that have a value of their own."""
        return tuple(joint for joint in self.joints if joint.is_free)

    def poses(self, state: Mapping[str, float]) -> dict[str, Array]:
        """Return ``T_root_link`` (4, 4) of each link; joints that `state` leaves out are at zero.

        Raises:
            AssetError: `state` names no joint that has a value of its own.
        """
        unknown = sorted(set(state) - {joint.name for joint in self.free})
        if unknown:
            names = ", ".join(joint.name for joint in self.free)
            raise AssetError(f"{self.source}: '{unknown[0]}' is no free joint; it has {names}")
        poses = {self.root: np.eye(4)}
        for joint in self.joints:
            name, factor, offset = joint.mimic or (joint.name, 1.0, 0.0)
            value = factor * state.get(name, 0.0) + offset
            poses[joint.child] = poses[joint.parent] @ joint.T_parent_joint @ joint.motion(value)
        return poses

    def limits(self, joint: Joint) -> tuple[float, float]:
        """Return lowest and highest value; a continuous joint's are one turn.

        Raises:
            AssetError: the file gives none, or they are swapped.
        """
        if joint.kind == "continuous":
            return -np.pi, np.pi
        if joint.limits is None or joint.limits[0] > joint.limits[1]:
            raise AssetError(
                f"{self.source}: joint '{joint.name}' has no limits, or swapped ones; "
                "give it <limit lower=... upper=...>"
            )
        return joint.limits
