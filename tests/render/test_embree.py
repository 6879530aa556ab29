"""The `embree` renderer against geometry and against closed forms of light."""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import trimesh

from simkit.assets.library import Library
from simkit.assets.primitives import primitives
from simkit.cameras import camera_rays, project_points
from simkit.geometry import look_at, quaternion_of
from simkit.render.embree import Embree, EmbreeOptions
from simkit.scene import (
    Body,
    Camera,
    Environment,
    Light,
    Material,
    Scene,
    Texture,
    quaternion,
    vec3,
)

WHITE_LIGHT = Environment("constant")
WHITE = Material(base_color=(1.0, 1.0, 1.0), roughness=1.0)


@pytest.fixture(scope="module")
def library() -> Library:
    return primitives()


@pytest.fixture(scope="module")
def embree(library: Library) -> Embree:
    return Embree(EmbreeOptions(), library)


def camera(eye: list[float], target: list[float], size: int = 64, focal: float = 80.0) -> Camera:
    T = look_at(eye, target)
    middle = (size - 1) / 2
    return Camera(
        size, size, ((focal, 0, middle), (0, focal, middle), (0, 0, 1)),
        position=vec3(T[:3, 3]), quaternion=quaternion(quaternion_of(T)),
    )  # fmt: skip


def sphere(material: Material = WHITE, **more: object) -> Body:
    return Body("sphere", "simkit:sphere", material=material, **more)  # type: ignore[arg-type]


def floor(material: Material = WHITE, size: float = 4.0) -> Body:
    return Body("floor", "simkit:plane", scale=(size, size, 1.0), material=material)


def dark(*bodies: Body, **more: object) -> Scene:
    return Scene(bodies=bodies, ambient=(0.0, 0.0, 0.0), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("metallic", [0.0, 1.0])
@pytest.mark.parametrize("roughness", [0.05, 0.4, 1.0])
def test_a_white_furnace_is_white(embree: Embree, roughness: float, metallic: float) -> None:
    ball = sphere(Material(roughness=roughness, metallic=metallic))
    view = camera([0, -1.5, 0.3], [0, 0, 0])
    rgb = embree.render(dark(ball, environment=WHITE_LIGHT), view, {"rgb"}).rgb
    np.testing.assert_allclose(rgb, 1.0, atol=0.02)
    rgb = embree.render(Scene((ball,), ambient=(1, 1, 1), background=(1, 1, 1)), view, {"rgb"}).rgb
    np.testing.assert_allclose(rgb, 1.0, atol=0.02)


def test_a_lambertian_sphere(embree: Embree) -> None:
    """Chalk under a directional light: albedo n.l, but for the few per cent that gloss takes."""
    towards = np.array([0.48, -0.6, 0.64])
    light = Light(direction=vec3(-towards), intensity=1.0)
    ball = sphere(Material(base_color=(0.8, 0.4, 0.2), roughness=1.0), scale=(0.8, 0.8, 0.8))
    view = camera([0, -2, 0], [0, 0, 0])
    frame = embree.render(dark(ball, lights=(light,)), view, {"rgb", "instance", "normal"})
    n_l = frame.channels["normal"] @ (view.T_camera_world[:3, :3] @ towards)
    inside = (frame.instance > 0) & (n_l > 0.15) & (frame.channels["normal"][..., 2] < -0.5)
    expected = n_l[..., None] * np.array([0.8, 0.4, 0.2])
    assert np.abs(frame.rgb - expected)[inside].max() < 0.05
    assert frame.rgb[(frame.instance > 0) & (n_l < -0.05)].max() < 5e-3, "no light from behind"


def test_light_falls_with_the_square_of_distance(embree: Embree) -> None:
    view, seen = camera([0, -0.5, 3], [0, 0, 0], 9, 60.0), []
    for height in (0.5, 1.0, 2.0):
        light = Light("point", position=(0.0, 0.0, height), intensity=1.0)
        seen.append(embree.render(dark(floor(), lights=(light,)), view, {"rgb"}).rgb[4, 4, 0])
    assert seen[0] / seen[1] == pytest.approx(4.0, rel=0.03)
    assert seen[1] / seen[2] == pytest.approx(4.0, rel=0.03)
    assert seen[1] == pytest.approx(1.0, rel=0.05)


def test_a_small_area_light_is_a_point_light(embree: Embree) -> None:
    view = camera([0, -0.5, 2.9], [0, 0, 0], 9, 60.0)
    area = Light("area", (0, 0, -1), position=(0, 0, 3), size=(0.1, 0.2), intensity=50.0)
    point = Light("point", position=(0, 0, 3), intensity=50.0 * 0.02 / np.pi)
    of_area, of_point = (
        embree.render(dark(floor(), lights=(light,)), view, {"rgb"}).rgb for light in (area, point)
    )
    np.testing.assert_allclose(of_area, of_point, rtol=0.02)
    above = replace(area, direction=(0.0, 0.0, 1.0))
    assert not embree.render(dark(floor(), lights=(above,)), view, {"rgb"}).rgb.any()


def test_a_large_area_light_is_smooth(embree: Embree) -> None:
    """Without noise where no body is in the way, nor dots in place of its reflection."""
    area = Light("area", (0, 0, -1), position=(0, 0, 1), size=(0.8, 0.8), intensity=2.0)
    view = camera([0.0, -1.0, 0.6], [0, 0, 0], 48, 60.0)
    rgb = embree.render(dark(floor(), lights=(area,)), view, {"rgb"}).rgb[..., 0]
    second = np.abs(np.diff(rgb, 2, axis=1))[20:]
    assert second.max() < 0.01 * rgb[20:].max()
    shiny = Material((0.02, 0.02, 0.02), roughness=0.15)
    row = embree.render(dark(floor(shiny), lights=(area,)), view, {"rgb"}).rgb[..., 0].max(axis=0)
    turns = np.diff(np.sign(np.diff(row)[np.abs(np.diff(row)) > 0.02 * row.max()]))
    assert np.count_nonzero(turns) <= 1, "one reflection, not one a sample"


@pytest.mark.parametrize(("x", "share"), [(1.0, 0.5), (-0.8, 0.0), (1.5, 1.0), (1.1, 0.75)])
def test_a_body_hides_a_part_of_an_area_light(embree: Embree, x: float, share: float) -> None:
    """A board of 2 m half way up, whose edge is at x - 1, seen from the origin over the light."""
    area = Light("area", (0, 0, -1), position=(0, 0, 2), size=(0.8, 0.8), intensity=2.0)
    board = Body("board", "simkit:plane", (x, 0, 1), scale=(2.0, 2.0, 1.0), material=WHITE)
    view = camera([0.0, -0.3, 0.4], [0, 0, 0], 8, 2000.0)
    whole = embree.render(dark(floor(), lights=(area,)), view, {"rgb"}).rgb.mean()
    part = embree.render(dark(floor(), board, lights=(area,)), view, {"rgb"}).rgb.mean()
    assert part / whole == pytest.approx(share, abs=0.06)


def test_a_spot_lights_its_cone(embree: Embree) -> None:
    light = Light("spot", (0, 0, -1), position=(0, 0, 2), cone=0.3, intensity=4.0)
    view = replace(camera([0, -1e-6, 3], [0, 0, 0], 101, 100.0))
    rgb = embree.render(dark(floor(), lights=(light,)), view, {"rgb"}).rgb[..., 0]
    lit = np.argwhere(rgb > 1e-4) - 50
    radius = np.hypot(*lit.T).max() * 3.0 / 100.0
    assert radius == pytest.approx(2 * np.tan(0.3), abs=0.06)


def test_shadow_edges_are_where_geometry_has_them(embree: Embree) -> None:
    """A box of 0.2 m on the floor, lit at 45 degrees: its shadow ends 0.2 m beyond it."""
    box = Body("box", "simkit:box", position=(0, 0, 0.1), scale=(0.2, 0.2, 0.2), material=WHITE)
    light = Light(direction=vec3(np.array([1, 0, -1]) / np.sqrt(2)), intensity=1.0)
    view = camera([0, -1e-6, 2], [0, 0, 0], 161, 400.0)
    frame = embree.render(dark(floor(), box, lights=(light,)), view, {"rgb", "instance"})
    row, to_metres = frame.rgb[80, :, 0], 2.0 / 400.0
    dim = np.flatnonzero((row < 0.2) & (frame.instance[80] == 1)) - 80
    assert abs(dim.max() * to_metres - 0.3) <= 1.01 * to_metres
    lit = frame.rgb[..., 0][(frame.instance == 1)]
    assert np.mean((lit > 0.01) & (lit < 0.6)) < 0.02, "no acne: floor is lit or not"


def test_labels_agree_with_trimesh(embree: Embree, library: Library) -> None:
    turned = quaternion(np.array([0.1, 0.3, -0.2, 0.9]))
    bodies = (
        Body("a", "simkit:cylinder", (0.1, 0, 0.2), turned, scale=(0.3, 0.5, 0.4)),
        Body("b", "simkit:sphere", (-0.2, 0.1, 0.1), scale=(0.4, 0.4, 0.4)),
    )
    view = camera([0.3, -1.2, 0.8], [0, 0, 0.1], 48, 60.0)
    frame = embree.render(Scene(bodies), view, Embree.channels - {"rgb"})
    rows, columns = np.mgrid[0:48, 0:48]
    rays = camera_rays(view, np.stack([columns.ravel(), rows.ravel()], axis=1))
    T = view.T_world_camera
    meshes = [
        trimesh.Trimesh(
            (library[b.model].mesh.vertices * b.scale) @ b.T_world_body[:3, :3].T + b.position,
            library[b.model].mesh.faces, process=False,
        )
        for b in bodies
    ]  # fmt: skip
    depth, triangle, owner = np.full(48 * 48, np.inf), np.full(48 * 48, -1), np.zeros(48 * 48)
    for number, mesh in enumerate(meshes, start=1):
        caster = trimesh.ray.ray_pyembree.RayMeshIntersector(mesh)
        face = caster.intersects_first(np.tile(T[:3, 3], (len(rays), 1)), rays @ T[:3, :3].T)
        plane, normal = mesh.triangles[face][:, 0] - T[:3, 3], mesh.face_normals[face]
        z = np.einsum("ij,ij->i", plane, normal)
        z = z / np.einsum("ij,ij->i", rays @ T[:3, :3].T, normal)
        nearer = (face >= 0) & (z < depth)
        depth[nearer], triangle[nearer], owner[nearer] = z[nearer], face[nearer], number
    same = frame.instance.ravel() == owner
    assert same.mean() > 0.999
    hit = same & (owner > 0)
    np.testing.assert_allclose(frame.depth.ravel()[hit], depth[hit], atol=2e-6)
    assert (frame.channels["triangle"].ravel() == triangle)[hit].mean() > 0.99
    # The other labels agree with these: barycentric, object coordinates, depth, normal.
    for number, body in enumerate(bodies, start=1):
        mask = frame.instance == number
        corners = library[body.model].mesh.triangles[frame.channels["triangle"][mask]]
        u, v = frame.channels["barycentric"][mask].T[..., None].astype(float)
        coords = (1 - u - v) * corners[:, 0] + u * corners[:, 1] + v * corners[:, 2]
        np.testing.assert_allclose(frame.channels["object_coords"][mask], coords, atol=1e-6)
        seen = (coords * body.scale) @ body.T_world_body[:3, :3].T + body.position
        seen = (seen - T[:3, 3]) @ T[:3, :3]
        np.testing.assert_allclose(seen[:, 2], frame.depth[mask], atol=1e-6)
        expected = np.stack([columns[mask], rows[mask]], axis=1)
        np.testing.assert_allclose(project_points(view, seen), expected, atol=2e-3)
        normals = frame.channels["normal"][mask]
        np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-5)
        assert (np.einsum("ij,ij->i", normals, seen) < 1e-6).all(), "towards the camera"
        if body.model == "simkit:sphere":
            outwards = (seen @ T[:3, :3].T + T[:3, 3] - body.position) @ T[:3, :3] / 0.2
            assert np.abs(normals - outwards).max() < 0.08
    assert not frame.channels["object_coords"][frame.instance == 0].any()


@pytest.mark.parametrize(
    ("model", "distortion"),
    [("brown_conrady", (-0.3, 0.1, 0.002, -0.001)), ("kannala_brandt", (0.05, 0.01, 0.0, 0.0)),
     ("equirectangular", ())],
)  # fmt: skip
def test_camera_models_see_where_points_project(
    embree: Embree, model: str, distortion: tuple[float, ...]
) -> None:
    ball = sphere(position=(0.3, 0.1, 0.4), scale=(0.2, 0.2, 0.2))
    view = replace(camera([0, -1, 0.3], [0, 0, 0.3], 101), model=model, distortion=distortion)
    frame = embree.render(Scene((ball,)), view, {"instance", "depth", "object_coords"})
    rows, columns = np.nonzero(frame.instance)
    coords = frame.channels["object_coords"][rows, columns] * 0.2
    points = (coords + ball.position - np.array(view.position)) @ view.T_world_camera[:3, :3]
    pixels = project_points(view, points)
    np.testing.assert_allclose(pixels, np.stack([columns, rows], axis=1), atol=5e-3)
    reach = np.linalg.norm(points, axis=1) if model == "equirectangular" else points[:, 2]
    np.testing.assert_allclose(frame.depth[rows, columns], reach, atol=1e-5)


def scene_of_all(seed: int = 0) -> tuple[Scene, Camera]:
    """Return a scene that uses most of the renderer."""
    wood = Texture("wood", ((0.5, 0.3, 0.15), (0.25, 0.12, 0.05)), size=0.5, seed=seed % 3)
    bumps = Texture("noise", ((0.4, 0.5, 1.0), (0.6, 0.5, 1.0)), size=0.1)
    bodies = [floor(Material(texture=wood))]
    for number in range(5):
        model = ("simkit:box", "simkit:sphere", "simkit:cylinder")[number % 3]
        look = Material((0.7, 0.5, 0.3), 0.2 * number, float(number == 1), normal_map=bumps)
        at = (0.3 * np.cos(number + seed), 0.3 * np.sin(number + seed), 0.08)
        bodies.append(Body(f"b{number}", model, at, scale=(0.15, 0.15, 0.15), material=look))
    lights = (
        Light(direction=(0.6, 0.0, -0.8), radius=0.03),
        Light("area", (0, 0, -1), position=(0.3, 0.2, 1.0), size=(0.3, 0.3), intensity=2.0),
    )
    sky = ((0.1, 0.25, 0.6), (0.6, 0.7, 0.8), (0.15, 0.13, 0.1))
    scene = Scene(tuple(bodies), lights, environment=Environment("sky", colors=sky))
    return scene, camera([0, -1.0, 0.8], [0, 0, 0], 64, 70.0)


def digest(embree: Embree) -> str:
    scene, view = scene_of_all()
    blurred = replace(view, aperture=0.01, exposure=0.1, velocity=(0.2, 0.0, 0.0))
    code = hashlib.sha256()
    for one in (view, blurred):
        frame = embree.render(scene, one, Embree.channels)
        for name in sorted(frame.channels):
            code.update(np.ascontiguousarray(frame.channels[name]).tobytes())
    return code.hexdigest()


def test_the_same_in_each_process_and_with_any_number_of_threads(embree: Embree) -> None:
    here = digest(embree)
    assert digest(embree) == here
    made = "digest(Embree(EmbreeOptions(), primitives()))"
    program = f"from tests.render.test_embree import *\nprint({made})"
    for threads in ("1", "2"):
        environment = {**os.environ, "NUMBA_NUM_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == here


def test_labels_do_not_depend_on_the_picture(embree: Embree, library: Library) -> None:
    scene, view = scene_of_all()
    alone = embree.render(scene, view, Embree.channels - {"rgb"}).channels
    rough = Embree(EmbreeOptions(aa_samples=0, ao_samples=0), library)
    for other in (embree, rough):
        both = other.render(scene, view, Embree.channels).channels
        for name, label in alone.items():
            assert np.array_equal(label, both[name]), name


def test_anti_aliasing_is_coverage(embree: Embree) -> None:
    box = Body("box", "simkit:box", scale=(1, 1, 1), material=Material(roughness=1.0))
    view = camera([0, -2, 0], [0.37, 0, 0], 64, 60.0)
    rgb = embree.render(Scene((box,), ambient=(1, 1, 1)), view, {"rgb"}).rgb[..., 0]
    partial = (rgb > 0.05) & (rgb < 0.95)
    assert 0.01 < partial.mean() < 0.1


def test_motion_blur_is_as_wide_as_the_motion(embree: Embree) -> None:
    """A box that moves 0.2 m during the exposure is blurred over 0.2 m at each side."""
    box = Body("box", "simkit:box", scale=(0.4, 0.1, 2.0), velocity=(2.0, 0, 0), material=WHITE)
    view = replace(camera([0, -2.05, 0], [0, 0, 0], 129, 200.0), exposure=0.1)
    frame = embree.render(Scene((box,), ambient=(1, 1, 1)), view, {"rgb", "instance"})
    row = frame.rgb[40:90, :, 0].mean(axis=0)
    pixels = 200.0 / 2.0
    np.testing.assert_allclose(row.sum() / pixels, 0.4, rtol=0.03)
    slope = np.flatnonzero((row > 0.02) & (row < 0.98))
    assert len(slope[slope < 64]) / pixels == pytest.approx(0.2, abs=0.025)
    assert np.count_nonzero(frame.instance[64]) / pixels == pytest.approx(0.4, abs=0.011)


@pytest.mark.parametrize("mover", ["body", "camera"])
def test_a_rolling_shutter_slants_edges(embree: Embree, mover: str) -> None:
    speed, readout = 1.0, 0.2
    box = Body("box", "simkit:box", scale=(0.4, 0.1, 4.0), material=WHITE)
    view = replace(camera([0, -2.05, 0], [0, 0, 0], 65, 100.0), readout=readout)
    if mover == "body":
        box = replace(box, velocity=(speed, 0.0, 0.0))
    else:
        view = replace(view, velocity=(-speed, 0.0, 0.0))
    frame = embree.render(Scene((box,), ambient=(1, 1, 1)), view, {"rgb", "instance"})
    first = [np.flatnonzero(row)[0] for row in frame.instance]
    expected = speed * readout * 100.0 / 2.0
    assert first[-1] - first[0] == pytest.approx(expected, abs=1.01)
    assert abs(first[32] - (32 - 10)) <= 1, "the middle row is where the scene says"
    assert (
        np.abs((frame.rgb[..., 0] > 0.5).sum(axis=1) - (frame.instance > 0).sum(axis=1)).max() <= 1
    )


def test_depth_of_field_is_the_circle_of_confusion(embree: Embree) -> None:
    """Diameter 2 a |z - f| / (z f) on the plane z = 1 (thin lens), times the focal length."""
    box = Body("box", "simkit:box", (0.5, 0, 0), scale=(1.0, 0.001, 4.0), material=WHITE)
    view = replace(camera([0, -2, 0], [0, 0, 0], 129, 300.0), aperture=0.05, focus_distance=1.0)
    row = embree.render(Scene((box,), ambient=(1, 1, 1)), view, {"rgb"}).rgb[..., 0].mean(axis=0)
    expected = 2 * 0.05 * (2.0 - 1.0) / (2.0 * 1.0) * 300.0
    width = np.count_nonzero((row > 0.005) & (row < 0.995))
    assert width == pytest.approx(expected, abs=2.0)
    sharp = replace(view, focus_distance=2.0)
    row = embree.render(Scene((box,), ambient=(1, 1, 1)), sharp, {"rgb"}).rgb[..., 0].mean(axis=0)
    assert np.count_nonzero((row > 0.01) & (row < 0.99)) <= 2


def test_a_small_blur_has_no_pattern(embree: Embree) -> None:
    """Along an upright edge, out of focus by 3 px, all rows are the same, and no step goes back."""
    box = Body("box", "simkit:box", (0.5, 0, 0), scale=(1.0, 0.001, 4.0), material=WHITE)
    view = replace(camera([0, -2, 0], [0, 0, 0], 65, 100.0), aperture=0.03, focus_distance=1.0)
    rgb = embree.render(Scene((box,), ambient=(1, 1, 1)), view, {"rgb"}).rgb[..., 0]
    assert np.abs(np.diff(rgb[8:-8], axis=0)).max() < 0.02
    assert np.diff(rgb[8:-8], axis=1)[:, :48].min() > -0.02


def test_only_what_moves_is_blurred(embree: Embree) -> None:
    still = sphere(position=(-0.5, 0, 0), scale=(0.3, 0.3, 0.3))
    box = Body("box", "simkit:box", (0.4, 0, 0), scale=(0.2, 0.2, 0.2), velocity=(1.0, 0.0, 0.0))
    scene = dark(still, box, lights=(Light(direction=(0, 1, 0)),))
    view = camera([0, -2, 0], [0, 0, 0])
    sharp = embree.render(scene, view, {"rgb"}).rgb
    blurred = embree.render(scene, replace(view, exposure=0.1), {"rgb"}).rgb
    assert np.array_equal(blurred[:, :32], sharp[:, :32])
    assert np.abs(blurred - sharp)[:, 32:].max() > 0.1


def test_a_moving_bodys_shadow_is_blurred(embree: Embree) -> None:
    """The box is out of the picture; its shadow sweeps 0.2 m of the floor."""
    box = Body("box", "simkit:box", (0, 0, 1), scale=(0.4, 0.4, 0.4), velocity=(2.0, 0, 0))
    scene = dark(floor(), box, lights=(Light(intensity=1.0),))
    view = replace(camera([0, -1e-6, 0.7], [0, 0, 0], 81, 70.0), exposure=0.1)
    row = embree.render(scene, view, {"rgb"}).rgb[40, :, 0]
    partial = np.count_nonzero((row > 0.03) & (row < 0.97 * row.max()))
    assert partial / 100.0 == pytest.approx(2 * 0.2, abs=0.06)


@pytest.mark.parametrize("radius", [0.0, 0.1])
def test_a_soft_shadow_is_as_wide_as_geometry_has_it(embree: Embree, radius: float) -> None:
    """A board half way up to a sphere of light: the penumbra is as wide as the sphere.

    From 3 to 97 % of a disc are seen over 76 % of its width.
    """
    light = Light("point", position=(0, 0, 2), radius=radius, intensity=4.0)
    board = Body("board", "simkit:plane", (1, 0, 1), scale=(2.0, 2.0, 1.0), material=WHITE)
    view = camera([0, -1e-6, 0.8], [0, 0, 0], 101, 160.0)
    row = embree.render(dark(floor(), board, lights=(light,)), view, {"rgb"}).rgb[50, :, 0]
    partial = np.count_nonzero((row > 0.03 * row.max()) & (row < 0.97 * row.max()))
    assert partial / 200.0 == pytest.approx(0.76 * 2 * radius, abs=0.03)
    assert np.diff(row).max() < 0.05 * row.max(), "no noise that brightens again"


def test_an_empty_scene_is_its_background(embree: Embree) -> None:
    view = camera([0, -1, 0], [0, 0, 0], 8)
    frame = embree.render(Scene(background=(0.1, 0.2, 0.3)), view, Embree.channels)
    np.testing.assert_allclose(frame.rgb, [[[0.1, 0.2, 0.3]]] * np.ones((8, 8, 1)), rtol=1e-6)
    assert not frame.depth.any()
    assert (frame.channels["triangle"] == -1).all()


def test_memory_stays_flat(library: Library) -> None:
    embree = Embree(EmbreeOptions(), library)
    view = scene_of_all()[1]
    view = replace(view, width=16, height=16)
    for number in range(80):
        if number == 30:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        embree.render(scene_of_all(number)[0], view, {"rgb", "instance"})
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 20_000, "kB"
