"""Flow, scene flow and disparity, by moving the points where rays end with the stored poses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from simkit.audit.checking import Case, Float, Mask, Measured, check
from simkit.audit.stored import Image, NotApplicable, NotStored, StoredImage

OFF_PX = 0.1
PART = 0.01
SEEN = 0


@check(
    "flow_forward", f"pixels whose flow is off where their point moves by {OFF_PX} px, part of them"
)
def forward(case: Case) -> Measured:
    return _flow(case, "flow_forward", 1)


@check(
    "flow_backward",
    f"pixels whose flow is off where their point moves by {OFF_PX} px, part of them",
)
def backward(case: Case) -> Measured:
    return _flow(case, "flow_backward", -1)


@check("flow_consistency", "pixels seen in both frames that forward and backward flow do not bring "
       "back to where they began (0.3 px and 2%), part of them")  # fmt: skip
def consistency(case: Case) -> Measured:
    there, state = case.image.array("flow_forward"), case.image.array("flow_forward_state")
    other = _neighbour(case, 1)
    back = other.array("flow_backward").astype(np.float64)
    rows, columns = np.nonzero((state == SEEN) & case.core)
    if not len(rows):
        raise NotApplicable("nothing is seen in both frames")
    flow = there[rows, columns].astype(np.float64)
    at = [rows + flow[:, 1], columns + flow[:, 0]]
    returned = np.stack(
        [map_coordinates(back[..., k], at, order=1, mode="nearest") for k in (0, 1)], axis=1
    )
    off = np.linalg.norm(flow + returned, axis=1)
    wrong = off > 0.3 + 0.02 * np.linalg.norm(flow, axis=1)
    return Measured(float(wrong.mean()), 0.05)


@check("scene_flow_forward", "pixels whose point moves elsewhere (1e-5 m), part of them")
def scene_forward(case: Case) -> Measured:
    return _scene_flow(case, "scene_flow_forward", 1)


@check("scene_flow_backward", "pixels whose point moves elsewhere (1e-5 m), part of them")
def scene_backward(case: Case) -> Measured:
    return _scene_flow(case, "scene_flow_backward", -1)


@check("disparity", f"pixels whose disparity is off focal length x baseline / depth by {OFF_PX} px, "
       "part of them")  # fmt: skip
def disparity(case: Case) -> Measured:
    stored, lens = case.image.array("disparity").astype(np.float64), case.image.lens
    params = case.image.world["params"]
    if not lens.straight:
        raise NotApplicable("not a pinhole camera")
    if "stereo" not in params:
        raise NotStored("params.json: stereo")
    core = case.core
    wanted = lens.K[0, 0] * params["stereo"]["baseline"] / np.where(core, case.sight.depth, 1.0)
    return _part(~(np.abs(stored - wanted)[core] <= OFF_PX))


def _flow(case: Case, name: str, offset: int) -> Measured:
    stored = case.image.array(name).reshape(-1, 2)
    other = _neighbour(case, offset)
    places, moved = _moved(case, other, offset)
    width = case.image.lens.width
    at = np.stack([places % width, places // width], axis=1)
    wanted = other.lens.project(moved) - at
    off = np.abs(stored[places] - wanted).max(axis=1)
    limit = OFF_PX + 1e-3 * np.abs(wanted).max(axis=1)
    seen = np.isfinite(wanted[:, 0])
    return _part(~(off[seen] <= limit[seen]))


def _scene_flow(case: Case, name: str, offset: int) -> Measured:
    stored = case.image.array(name).reshape(-1, 3)
    other = _neighbour(case, offset)
    places, moved = _moved(case, other, offset)
    R_now, t_now = _extrinsics(case.image)
    R_then, t_then = _extrinsics(other)
    world = (moved - t_then) @ R_then
    wanted = world @ R_now.T + t_now - case.sight.points.reshape(-1, 3)[places]
    return _part(~(np.abs(stored[places] - wanted).max(axis=1) <= 1e-5))


def _moved(case: Case, other: Image, offset: int) -> tuple[NDArray[np.int64], Float]:
    """Return pixels' places (N,), row by row, and their points (N, 3) in the other camera's frame."""
    if offset in case.moved:
        return case.moved[offset]
    places = np.flatnonzero(case.core)
    owners = case.sight.ids.reshape(-1)[places]
    points = case.sight.points.reshape(-1, 3)[places]
    names = {body.name: body for body in other.bodies}
    moved = np.full_like(points, np.nan)
    for number, body in enumerate(case.image.bodies, start=1):
        mine, twin = np.flatnonzero(owners == number), names.get(body.name)
        if len(mine) and twin is not None:
            change = twin.matrix @ np.linalg.inv(body.matrix)
            moved[mine] = points[mine] @ change[:3, :3].T + change[:3, 3]
    known = np.isfinite(moved[:, 0])
    case.moved[offset] = places[known], moved[known]
    return case.moved[offset]


def _neighbour(case: Case, offset: int) -> Image:
    other = case.image.neighbour(offset)
    if other is None:
        raise NotApplicable("there is no such frame in its sequence")
    if not (case.image.complete and other.complete):
        raise NotStored("params.json")
    return other


def _extrinsics(image: Image) -> tuple[Float, Float]:
    assert isinstance(image, StoredImage)
    return image.extrinsics


def _part(wrong: Mask) -> Measured:
    if not len(wrong):
        raise NotApplicable("nothing is seen away from silhouettes")
    return Measured(float(wrong.mean()), PART)
