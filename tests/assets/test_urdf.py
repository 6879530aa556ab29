"""URDF files as rigid models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simkit.assets.color import srgb_to_linear
from simkit.assets.library import load_library
from simkit.assets.options import ModelOptions

from .conftest import cube_obj

URDF = """
<?xml version="1.0"?>
<robot name="r">
  <material name="blue"><color rgba="0 0 1 1"/></material>
  <link name="base">
    <visual>
      <origin xyz="0.1 0 0" rpy="0 0 1.5707963267948966"/>
      <geometry><mesh filename="package://r/part.obj" scale="1 2 3"/></geometry>
      <material name="blue"/>
    </visual>
  </link>
  <link name="tip">
    <visual><geometry><box size="0.02 0.04 0.06"/></geometry>
      <material name="own"><color rgba="0.5 0 0 1"/></material></visual>
  </link>
  <joint name="j" type="revolute">
    <parent link="base"/><child link="tip"/><origin xyz="0 0 0.5" rpy="0 1.5707963267948966 0"/>
  </joint>
</robot>
"""


def test_scale_origin_joints_and_colors(tmp_path: Path) -> None:
    (tmp_path / "part.obj").write_text(cube_obj(0.1))
    (tmp_path / "r.urdf").write_text(URDF)
    model = load_library(ModelOptions(source=str(tmp_path / "r.urdf")))["r"]
    colors = model.mesh.vertex_colors
    assert colors is not None
    blue = model.mesh.vertices[(colors == (0, 0, 255)).all(axis=1)]
    # 0.1 x 0.2 x 0.3 turned by 90 degrees about z: x' = -y, y' = x.
    assert np.allclose(
        [blue.min(axis=0), blue.max(axis=0)], [[-0.1, 0, 0], [0.1, 0.1, 0.3]], atol=1e-6
    )
    red = model.mesh.vertices[(colors == (128, 0, 0)).all(axis=1)]
    assert len(red) == 24
    assert np.allclose(np.ptp(red, axis=0), [0.06, 0.04, 0.02], atol=1e-6)
    assert np.allclose(red.mean(axis=0), [0, 0, 0.5], atol=1e-6)
    assert model.watertight
    assert model.volume == pytest.approx(0.1 * 0.2 * 0.3 + 0.02 * 0.04 * 0.06, rel=1e-4)


@pytest.mark.parametrize(
    ("shape", "extents", "volume"),
    [
        ('<box size="0.1 0.2 0.3"/>', (0.1, 0.2, 0.3), 0.006),
        ('<cylinder radius="0.1" length="0.4"/>', (0.2, 0.2, 0.4), np.pi * 0.004),
        ('<sphere radius="0.1"/>', (0.2, 0.2, 0.2), np.pi * 0.004 / 3),
        ('<capsule radius="0.1" length="0.2"/>', (0.2, 0.2, 0.4), np.pi * (0.002 + 0.004 / 3)),
    ],
)
def test_primitive_shapes(
    tmp_path: Path, shape: str, extents: tuple[float, ...], volume: float
) -> None:
    visual = f"<visual><geometry>{shape}</geometry></visual>"
    (tmp_path / "p.urdf").write_text(f'<robot name="p"><link name="a">{visual}</link></robot>')
    model = load_library(ModelOptions(source=str(tmp_path)))["p"]
    low, high = model.mesh.bounds
    assert np.allclose(high - low, extents, rtol=0.01)
    assert np.allclose(low + high, 0.0, atol=1e-6)
    assert model.watertight
    assert model.volume == pytest.approx(volume, rel=0.02)


def test_random_urdfs_of_pybullet(tmp_path: Path) -> None:
    data = pytest.importorskip("pybullet_data")
    root = Path(data.getDataPath())
    library = load_library(ModelOptions(source=str(root / "random_urdfs"), include=["000", "001"]))
    assert library.names() == ["000", "001"]
    assert [model.obj_id for model in library.values()] == [1, 2]
    blue = library["000"].mesh.base_color
    assert np.allclose(blue, srgb_to_linear([0.04, 0.07, 0.91]))
    assert 0.05 < library["000"].diameter < 0.2
    duck = load_library(ModelOptions(source=str(root / "duck_vhacd.urdf")))["duck_vhacd"]
    assert duck.mesh.texture is not None
