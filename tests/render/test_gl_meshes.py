"""Meshes as `gl` draws them: their order changes no label, backs are left out only where none shows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from simkit.assets.mesh import Mesh
from simkit.assets.primitives import primitives
from simkit.errors import RenderError
from simkit.geometry import look_at, quaternion_of
from simkit.render.embree import Embree, EmbreeOptions
from simkit.render.gl import Gl, GlOptions, meshes, stage
from simkit.render.gl.meshes import by_first_use, drawing_order, hides_its_backs
from simkit.scene import Body, Camera, Light, Scene, quaternion, vec3

LIBRARY = primitives()
WIDTH, HEIGHT = 160, 120


@pytest.fixture
def gl() -> Iterator[Gl]:
    try:
        renderer = Gl(GlOptions(), LIBRARY)
    except RenderError as error:
        pytest.skip(f"no EGL: {error}")
    yield renderer
    renderer.close()


def sphere() -> Mesh:
    return LIBRARY["simkit:sphere"].mesh


def camera_at(eye: tuple[float, ...], target: tuple[float, ...] = (0.0, 0.0, 0.0)) -> Camera:
    T = look_at(eye, target)
    K = ((150.0, 0.0, WIDTH / 2 - 0.5), (0.0, 150.0, HEIGHT / 2 - 0.5), (0.0, 0.0, 1.0))
    return Camera(WIDTH, HEIGHT, K, vec3(T[:3, 3]), quaternion(quaternion_of(T)))


def scene() -> Scene:
    table = Body("table", "simkit:box", (0, 0, -0.32), scale=(1.5, 1.5, 0.04), fixed=True)
    balls = [
        Body(f"{k}", "simkit:sphere", vec3(at), scale=(0.3, 0.2, 0.25))
        for k, at in enumerate(((0.0, 0.0, 0.0), (0.2, 0.25, -0.1), (-0.3, 0.1, -0.2)))
    ]
    return Scene((table, *balls), (Light(direction=(0.48, 0.0, -0.8772684879784524)),))


def test_the_order_is_one_of_all_faces_and_keeps_their_corners() -> None:
    mesh = sphere()
    order = drawing_order(mesh)
    assert sorted(order.tolist()) == list(range(len(mesh.faces)))
    faces, kept = by_first_use(mesh.faces[order])
    assert (mesh.vertices[kept][faces] == mesh.vertices[mesh.faces[order]]).all()
    first = faces.ravel()[np.sort(np.unique(faces, return_index=True)[1])]
    assert first.tolist() == list(range(len(kept)))


def test_triangles_keep_their_numbers(gl: Gl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simkit.render.gl.store.DENSE", meshes.FEW)
    camera, asked = camera_at((0.1, -1.0, 0.5)), ["triangle", "instance", "barycentric"]
    found = gl.render(scene(), camera, asked).channels
    exact = Embree(EmbreeOptions(), LIBRARY).render(scene(), camera, asked).channels
    several = gl.render_many(scene(), [camera, camera_at((0.5, -0.9, 0.4))], ["triangle"])[0]
    both = (found["instance"] == exact["instance"]) & (exact["instance"] > 1)
    assert both.sum() > 1000
    assert (found["triangle"] == exact["triangle"])[both].mean() > 0.98
    assert (found["triangle"] == several.channels["triangle"]).all()
    assert gl._stage._loaded.ready.bodies[1].buffers.order is not None  # type: ignore[union-attr]


def turned(mesh: Mesh) -> Mesh:
    return Mesh(mesh.vertices, np.ascontiguousarray(mesh.faces[:, ::-1]), -mesh.normals)


def joined(*parts: Mesh) -> Mesh:
    starts = np.cumsum([0] + [len(part.vertices) for part in parts])
    return Mesh(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([p.faces + start for p, start in zip(parts, starts, strict=False)]),
        np.concatenate([part.normals for part in parts]),
    )  # fmt: skip


def test_backs_are_left_out_of_closed_meshes_only() -> None:
    mesh = sphere()
    aside = Mesh(mesh.vertices + np.float32(2.0), mesh.faces, mesh.normals)
    assert hides_its_backs(mesh)
    assert hides_its_backs(joined(mesh, aside))
    assert not hides_its_backs(turned(mesh))
    assert not hides_its_backs(joined(mesh, turned(aside))), "a piece is inside out"
    assert not hides_its_backs(Mesh(mesh.vertices, mesh.faces[:-1], mesh.normals)), "a hole"


def test_from_inside_a_body_its_backs_show(gl: Gl) -> None:
    inside = Scene((Body("ball", "simkit:sphere"),))
    assert (gl.render(inside, camera_at((0.0, 0.0, 0.1)), ["instance"]).instance == 1).all()


def test_labels_are_embrees_with_and_without_backs(gl: Gl) -> None:
    camera = camera_at((0.1, -1.0, 0.5))
    found = gl.render(scene(), camera, ["instance", "depth"])
    exact = Embree(EmbreeOptions(), LIBRARY).render(scene(), camera, ["instance", "depth"])
    assert (found.instance != exact.instance).sum() <= 3
    same = found.instance == exact.instance
    assert np.abs(found.depth - exact.depth)[same].max() < 1e-3


def test_shadow_maps_of_a_table_top_are_drawn_once_for_all_views(
    gl: Gl, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    draw = stage.draw_depths
    monkeypatch.setattr(
        stage, "draw_depths", lambda *given: (drawn.append(len(given[3])), draw(*given))
    )
    still = scene()
    views = [camera_at(eye) for eye in ((0.1, -1.5, 0.9), (1.0, -1.2, 0.8), (-1.3, 0.2, 1.0))]
    alone = []
    for camera in views:
        alone.append(gl.render(still, camera, ["rgb"]).rgb)
    assert drawn == [2], "one of the balls, one of the table"
    fresh = Gl(GlOptions(), LIBRARY)
    for camera, before in reversed(list(zip(views, alone, strict=True))):
        assert (fresh.render(still, camera, ["rgb"]).rgb == before).all()
    fresh.close()
