"""Where a robot's links are, straight from its URDF: its own reader, with rotations written out."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

TURNING = ("revolute", "continuous")


def joints_of(urdf: str) -> list[ET.Element]:
    """Return the <joint> elements of a URDF file that have a parent and a child."""
    text = Path(urdf).read_text(encoding="utf-8", errors="replace").lstrip("\ufeff \r\n\t")
    return [one for one in ET.fromstring(text).findall("joint") if one.find("child") is not None]


def free_joints(joints: list[ET.Element]) -> dict[str, tuple[float, float]]:
    """Return the limits [rad or m] of the joints that have a value of their own, by name."""
    found = {}
    for joint in joints:
        kind, limit = joint.get("type", ""), joint.find("limit")
        if joint.find("mimic") is not None or kind not in (*TURNING, "prismatic"):
            continue
        ends = [float(limit.get(end, 0)) for end in ("lower", "upper")] if limit is not None else []
        found[joint.get("name", "")] = (
            (-np.pi, np.pi) if kind == "continuous" or not ends else (ends[0], ends[1])
        )
    return found


def link_poses(joints: list[ET.Element], state: Mapping[str, float]) -> dict[str, Float]:
    """Return the pose (4, 4) [m] of each link in the root's frame, for joint values [rad or m]."""
    children = {_link(joint, "child") for joint in joints}
    poses = {_link(joint, "parent"): np.eye(4) for joint in joints}
    poses = {name: T for name, T in poses.items() if name not in children}
    waiting = list(joints)
    while waiting:
        ready = [joint for joint in waiting if _link(joint, "parent") in poses]
        if not ready:
            raise ValueError("the URDF's joints are no tree")
        for joint in ready:
            poses[_link(joint, "child")] = (
                poses[_link(joint, "parent")] @ _origin(joint) @ _motion(joint, state)
            )
        waiting = [joint for joint in waiting if joint not in ready]
    return poses


def _link(joint: ET.Element, tag: str) -> str:
    element = joint.find(tag)
    return "" if element is None else element.get("link", "")


def _origin(joint: ET.Element) -> Float:
    origin = joint.find("origin")
    T = np.eye(4)
    if origin is None:
        return T
    T[:3, 3] = _three(origin.get("xyz", "0 0 0"))
    roll, pitch, yaw = _three(origin.get("rpy", "0 0 0"))
    T[:3, :3] = (
        rotated(np.array([0.0, 0, 1]), yaw)
        @ rotated(np.array([0.0, 1, 0]), pitch)
        @ rotated(np.array([1.0, 0, 0]), roll)
    )
    return T


def _motion(joint: ET.Element, state: Mapping[str, float]) -> Float:
    T, kind, along = np.eye(4), joint.get("type", ""), joint.find("axis")
    axis = _three("1 0 0" if along is None else along.get("xyz", "1 0 0"))
    axis = axis / max(float(np.linalg.norm(axis)), 1e-12)
    follows = joint.find("mimic")
    value = float(state.get(joint.get("name", ""), 0.0))
    if follows is not None:
        value = float(state.get(follows.get("joint", ""), 0.0))
        value = value * float(follows.get("multiplier", 1)) + float(follows.get("offset", 0))
    if kind in TURNING:
        T[:3, :3] = rotated(axis, value)
    elif kind == "prismatic":
        T[:3, 3] = axis * value
    return T


def rotated(axis: Float, angle: float) -> Float:
    """Return the rotation (3, 3) by an angle [rad] about a unit axis (3,): Rodrigues' formula."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def _three(text: str) -> Float:
    return np.array([float(number) for number in text.split()], dtype=np.float64)
