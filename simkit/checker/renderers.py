"""Checks of renderers."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.checker.contract import (
    Broken,
    Check,
    loaded,
    made,
    make,
    require,
    run,
    run_all,
    same,
    through_json,
)
from simkit.errors import RenderError
from simkit.geometry import apply_transform, invert, look_at, pixel_rays, quaternion_of
from simkit.render import CHANNELS, Frame, Renderer
from simkit.render.probe import probe
from simkit.scene import Body, Camera, Light, Scene, quaternion, vec3

DEPTH_TOLERANCE = 5e-4
"""Between a renderer's depth and the exact one, away from edges [m]."""

WIDTH, HEIGHT = 80, 60
LAYOUT = re.compile(r"\(H, W(?:, (\d+))?\) (\w+)")
"""How `CHANNELS` says what a channel is."""


def check_renderer(name: str) -> list[Check]:
    """Return what was checked of the renderer `name`; it is tried in another process first."""
    works = run("works here", _works, name)
    if not works.passed:
        return [works]
    load, plugin = loaded("renderers", name, Renderer)
    if plugin is None:
        return [works, load]
    build, renderer = made(plugin)
    if renderer is None:
        return [works, load, build]
    checks = {
        "says what it is": _says_what_it_is,
        "channels are ones that there are": _channels_are_valid,
        "gives just the channels asked for": _gives_channels_asked_for,
        "shapes, types and ranges are right": _layouts_are_right,
        "refuses unknown channels": _refuses_unknown_channels,
        "ids agree with geometry": _ids_agree,
        "depth agrees with geometry": _depth_agrees,
        "nothing is seen where nothing is": _empty_scene_is_empty,
        "two renders are the same": _renders_alike,
        "the scene stays as it was": _leaves_scene,
    }
    try:
        return [works, load, build, *run_all(checks, renderer)]
    finally:
        renderer.close()


def box_scene() -> Scene:
    """Return two boxes, the first partly behind the second, seen from an angle."""
    T_world_camera = look_at((0.5, -0.7, 0.6), (0.0, 0.0, 0.05))
    camera = Camera(
        width=WIDTH,
        height=HEIGHT,
        cam_K=((90.0, 0.0, 38.0), (0.0, 92.0, 31.0), (0.0, 0.0, 1.0)),
        position=vec3(T_world_camera[:3, 3]),
        quaternion=quaternion(quaternion_of(T_world_camera)),
        near=0.2,
        far=5.0,
    )
    tilted = quaternion((0.1, 0.2, 0.3, 0.9))
    bodies = (
        Body(name="far", model="simkit:box", position=(-0.1, 0.12, 0.1), scale=(0.2, 0.3, 0.2)),
        Body(name="near", model="simkit:box", scale=(0.15, 0.2, 0.25), quaternion=tilted),
    )
    light = Light(direction=(0.0, 0.0, -1.0))
    return Scene(bodies=bodies, lights=(light,), camera=camera)


def exact(scene: Scene) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return z-depth [m] (0: nothing) and ids (H, W) of a scene of boxes, by ray-slab intersection."""
    camera = _camera(scene)
    rows, columns = np.mgrid[: camera.height, : camera.width]
    rays = pixel_rays(camera.K, np.column_stack([columns.ravel(), rows.ravel()]))
    nearest = np.full(len(rays), np.inf)
    ids = np.zeros(len(rays), dtype=np.int32)
    for number, body in enumerate(scene.bodies, start=1):
        depth = _box_depth(body, camera, rays)
        ids[depth < nearest] = number
        nearest = np.minimum(nearest, depth)
    shape = camera.height, camera.width
    return np.where(ids > 0, nearest, 0.0).reshape(shape), ids.reshape(shape)


def _box_depth(body: Body, camera: Camera, rays: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the z-depth (N,) [m] at which rays meet a unit box that is posed and scaled; else inf."""
    T_body_camera = invert(body.T_world_body) @ camera.T_world_camera
    origin = apply_transform(T_body_camera, np.zeros((1, 3)))[0] / body.scale
    directions = rays @ T_body_camera[:3, :3].T / np.array(body.scale)
    with np.errstate(divide="ignore"):
        planes = (np.array([-0.5, 0.5])[:, None, None] - origin) / directions
    enter, leave = planes.min(axis=0).max(axis=1), planes.max(axis=0).min(axis=1)
    return np.where((enter <= leave) & (enter > 0), enter, np.inf)


def _camera(scene: Scene) -> Camera:
    assert scene.camera is not None
    return scene.camera


def _render(renderer: Renderer, scene: Scene, channels: frozenset[str]) -> Frame:
    return renderer.render(scene, _camera(scene), channels)


def _works(name: str) -> str:
    found = probe(name)
    require(found.works, f"{found.reason}; remedy: {found.remedy}")
    return found.driver


def _says_what_it_is(renderer: Renderer) -> str:
    require(isinstance(renderer.driver, str) and bool(renderer.driver), "driver is empty")
    require(bool(renderer.remedy), "remedy is empty; say what to do where it does not work")
    require(isinstance(renderer.ignores, tuple), "ignores is no tuple")
    return renderer.driver


def _channels_are_valid(renderer: Renderer) -> str:
    unknown = renderer.channels - set(CHANNELS)
    require(not unknown, f"there are no channels {sorted(unknown)}; there are {sorted(CHANNELS)}")
    missing = {"rgb", "depth", "instance"} - renderer.channels
    require(not missing, f"a pipeline needs {sorted(missing)}, too")
    return ", ".join(sorted(renderer.channels))


def _gives_channels_asked_for(renderer: Renderer) -> None:
    scene = box_scene()
    for asked in [frozenset({channel}) for channel in renderer.channels] + [renderer.channels]:
        given = set(_render(renderer, scene, asked).channels)
        require(given == asked, f"asked for {sorted(asked)}, it gives {sorted(given)}")


def _layouts_are_right(renderer: Renderer) -> None:
    frame = _render(renderer, box_scene(), renderer.channels)
    for name in sorted(renderer.channels & set(CHANNELS)):
        array: NDArray[Any] = frame.channels[name]
        found = LAYOUT.match(CHANNELS[name])
        assert found is not None
        shape = (HEIGHT, WIDTH, int(found[1])) if found[1] else (HEIGHT, WIDTH)
        right = array.shape == shape and array.dtype == np.dtype(found[2])
        require(right, f"{name} is {array.shape} {array.dtype}, not {shape} {found[2]}")
        require(bool(np.isfinite(array).all()), f"{name} has values that are not finite")
    low, high = float(frame.rgb.min()), float(frame.rgb.max())
    require(low >= 0 and high <= 1, f"rgb runs from {low:g} to {high:g}, outside of [0, 1]")


def _refuses_unknown_channels(renderer: Renderer) -> None:
    try:
        renderer.render(box_scene(), _camera(box_scene()), {"no_such_channel"})
    except RenderError:
        return
    raise Broken("an unknown channel gives no RenderError; leave Renderer.render as it is")


def _ids_agree(renderer: Renderer) -> None:
    scene = box_scene()
    _, expected = exact(scene)
    found = _render(renderer, scene, frozenset({"instance"})).instance
    wrong = _inner(expected) & (found != expected)
    count = int(np.count_nonzero(wrong))
    require(count == 0, f"{count} pixels away from edges have a wrong id{_first(wrong)}")


def _depth_agrees(renderer: Renderer) -> str:
    scene = box_scene()
    expected, ids = exact(scene)
    found = _render(renderer, scene, frozenset({"depth"})).depth
    error = np.where(_inner(ids), np.abs(found - expected), 0.0)
    worst = float(error.max())
    at = _first(error == worst)
    require(worst <= DEPTH_TOLERANCE, f"differs by up to {worst:.4f} m{at}; is it the z-depth?")
    return f"within {worst:.2g} m"


def _inner(ids: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return the pixels (H, W) all of whose neighbours see the same body: there no tie is decided."""
    padded = np.pad(ids, 1, mode="edge")
    height, width = ids.shape
    shifted = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    inner: NDArray[np.bool_] = np.all(np.stack(shifted) == ids, axis=0)
    return inner


def _first(pixels: NDArray[np.bool_]) -> str:
    places = np.argwhere(pixels)
    return f", such as column {places[0][1]}, row {places[0][0]}" if len(places) else ""


def _empty_scene_is_empty(renderer: Renderer) -> None:
    scene = replace(box_scene(), bodies=())
    frame = _render(renderer, scene, frozenset({"depth", "instance"}))
    require(not frame.instance.any(), "an empty scene has ids other than 0")
    require(not frame.depth.any(), "an empty scene has depths other than 0")


def _renders_alike(renderer: Renderer) -> None:
    scene = box_scene()
    first = _render(renderer, scene, renderer.channels).channels
    first = {name: array.copy() for name, array in first.items()}
    _render(renderer, replace(scene, bodies=scene.bodies[:1]), renderer.channels)
    _compare(first, _render(renderer, scene, renderer.channels), "again, after another scene")
    other = make(type(renderer))
    try:
        _compare(first, _render(other, scene, renderer.channels), "by another object")
    finally:
        other.close()


def _compare(first: dict[str, NDArray[Any]], again: Frame, how: str) -> None:
    for name, array in first.items():
        require(same(array, again.channels[name]), f"{name} differs when rendered {how}")


def _leaves_scene(renderer: Renderer) -> None:
    scene = box_scene()
    before = through_json(scene.to_dict(), "scenes")
    _render(renderer, scene, renderer.channels)
    require(same(through_json(scene.to_dict(), "scenes"), before), "render changes the scene")
