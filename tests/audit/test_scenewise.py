"""The audit of data sets in BOP's layout, of the command, and of real annotations."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from simkit.audit import audit
from simkit.audit.report import PASSED
from simkit.errors import ConfigError

Edit = Callable[[Path], None]


def shifted(scene: Path) -> None:
    path = max((scene / "mask").iterdir(), key=lambda one: int(cv2.imread(str(one)).sum()))
    cv2.imwrite(str(path), np.roll(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), 1, axis=1))


def overlapping(scene: Path) -> None:
    a, b = (scene / "mask_visib" / f"000007_{k:06d}.png" for k in (0, 1))
    both = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in (a, b)]
    cv2.imwrite(str(b), np.maximum(*both))


def swapped(scene: Path) -> None:
    for name in ("mask", "mask_visib"):
        a, b = (scene / name / f"000007_{k:06d}.png" for k in (0, 1))
        first, second = a.read_bytes(), b.read_bytes()
        a.write_bytes(second)
        b.write_bytes(first)


def ray_distances(scene: Path) -> None:
    path = scene / "depth" / "000007.png"
    steps = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    K = np.reshape(json.loads((scene / "scene_camera.json").read_text())["7"]["cam_K"], (3, 3))
    v, u = np.mgrid[: steps.shape[0], : steps.shape[1]] + 0.5
    rays = np.linalg.inv(K) @ np.stack([u, v, np.ones_like(u)]).reshape(3, -1)
    lengths = np.linalg.norm(rays, axis=0).reshape(steps.shape)
    cv2.imwrite(str(path), (steps * lengths).round().astype(np.uint16))


def gt(scene: Path, name: str, change: Callable[[Any], Any]) -> None:
    path = scene / f"scene_{name}.json"
    data = json.loads(path.read_text())
    change(data["7"])
    path.write_text(json.dumps(data))


def transposed(scene: Path) -> None:
    gt(scene, "gt", lambda rows: [
        one.update(cam_R_m2c=np.reshape(one["cam_R_m2c"], (3, 3)).T.ravel().tolist())
        for one in rows])  # fmt: skip


def miscounted(scene: Path) -> None:
    gt(scene, "gt_info", lambda rows: rows[0].update(visib_fract=rows[0]["visib_fract"] + 0.05))


def boxes_of_coco(scene: Path) -> None:
    gt(scene, "gt_info", lambda rows: [one["bbox_visib"].__setitem__(2, one["bbox_visib"][2] + 1)
                                       for one in rows if one["px_count_visib"]])  # fmt: skip


def opencv_centres(scene: Path) -> None:
    def move(camera: Any) -> None:
        camera["cam_K"][2] -= 0.5
        camera["cam_K"][5] -= 0.5

    gt(scene, "camera", move)


def test_a_bop_set_passes(scenewise: Path) -> None:
    report = audit(scenewise)
    assert [(o.check, o.value, o.detail) for i in report.failed for o in i.failures] == []
    passed = {line.check for line in report.lines() if line.counts[PASSED]}
    assert passed == {"bbox_visib", "bbox_obj", "visib_fract", "obj_id", "masks_disjoint",
                      "mask_visib_in_mask", "mask_visib", "mask", "pixel_centre", "rotation",
                      "cam_K", "projection", "depth"}  # fmt: skip


@pytest.mark.parametrize(
    ("edit", "must"),
    [
        (shifted, {"mask"}),
        (overlapping, {"masks_disjoint", "mask_visib"}),
        (swapped, {"mask", "mask_visib"}),
        (ray_distances, {"depth"}),
        (transposed, {"mask", "projection"}),
        (miscounted, {"visib_fract"}),
        (boxes_of_coco, {"bbox_visib"}),
        (opencv_centres, {"pixel_centre", "mask"}),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_planted_fault_in_a_bop_set_is_caught(
    edit: Edit, must: set[str], scenewise: Path, tmp_path: Path
) -> None:
    shutil.copytree(scenewise / "test", tmp_path / "test")
    edit(tmp_path / "test" / "000001")
    report = audit(tmp_path, models=str(scenewise / "models"))
    assert must <= set(report.failing_checks)
    alone = {ray_distances: {"depth"}, miscounted: {"visib_fract"}, boxes_of_coco: {"bbox_visib"}}
    if edit in alone:
        assert set(report.failing_checks) == must


def test_pixel_centres_of_opencv_are_told(scenewise: Path) -> None:
    assert "pixel_centre" in audit(scenewise, pixel_centre="opencv").failing_checks


def test_real_annotations(real: Path) -> None:
    """LM-O: boxes agree with rays within 2 px, and some rotations are known not to be orthonormal."""
    test, models = real / "lmo" / "test", str(real / "lmo" / "models_eval")
    report = audit(test, models=models, n=8)
    checked = {line.check: line for line in report.lines() if line.counts[PASSED]}
    assert set(checked) >= {"bbox_obj", "projection", "obj_id", "cam_K"}
    assert set(report.failing_checks) <= {"rotation"}
    assert "rotation" in report.failing_checks
    moved = audit(test, models=models, n=8, pixel_centre="opencv", only=["box_centre"])
    assert moved.failing_checks == ["box_centre"]


def test_the_command(stored: Path, scenewise: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from simkit.cli.main import app

    out = tmp_path / "new" / "audit.json"
    good = CliRunner().invoke(app, ["audit-labels", str(stored), "-n", "1", "--json", str(out)])
    assert good.exit_code == 0, good.output
    assert "0 of 1 images fail" in good.output
    data = json.loads(out.read_text())
    assert data["failed"] == 0
    assert {"check", "about", "worst", "tolerance", "counts"} <= set(data["checks"][0])
    bad = CliRunner().invoke(app, ["audit-labels", str(scenewise), "--pixel-centre", "opencv"])
    assert bad.exit_code == 1
    assert "1 of 1 images fail" in bad.output
    assert "000001/000007" in bad.output


def test_what_cannot_be_asked_is_refused(stored: Path, scenewise: Path) -> None:
    with pytest.raises(ConfigError, match="only models"):
        audit(stored, ["seed=3"])
    with pytest.raises(ConfigError, match=r"models\.source"):
        audit(stored, models="somewhere")
    with pytest.raises(ConfigError, match="no check 'dept'"):
        audit(stored, only=["dept"])
    with pytest.raises(ConfigError, match="--models"):
        audit(scenewise, ["models.source=x"])
