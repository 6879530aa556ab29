"""Lights, environments and rooms: what they give to a white plate, and where they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from randomizers.environment import Surround
from randomizers.light import Lighting
from randomizers.room import Room
from simkit.assets.daylight import sky_colors, sun_color
from simkit.assets.environments import LUMINANCE, upward_irradiance
from simkit.assets.library import Library
from simkit.assets.primitives import primitives
from simkit.contracts import Randomizer
from simkit.errors import AssetError, ConfigError
from simkit.geometry import direction, look_at, quaternion_of
from simkit.lamps import free_distance, lamp, rectangle_factor
from simkit.options import build
from simkit.randomness import stream
from simkit.render.embree import Embree, EmbreeOptions
from simkit.scene import (
    LIGHT_KINDS,
    Body,
    Camera,
    Environment,
    Light,
    Material,
    Scene,
    quaternion,
    vec3,
)

SIDE = 0.05
WHITE = Material((1.0, 1.0, 1.0), roughness=1.0, own_look=False)
PLATE = Body("plate", "simkit:plane", scale=(SIDE, SIDE, 1.0), material=WHITE)


@pytest.fixture(scope="module")
def library() -> Library:
    return primitives()


@pytest.fixture(scope="module")
def brightness(library: Library) -> Callable[[Scene], float]:
    """Return a function that measures a plate's luminance at its middle, seen from above."""
    embree = Embree(EmbreeOptions(aa_samples=0, ao_samples=16, shadow_samples=32), library)
    T = look_at([0.0, -0.05, 0.5], [0, 0, 0])
    camera = Camera(
        8, 8, ((400, 0, 3.5), (0, 400, 3.5), (0, 0, 1)),
        position=vec3(T[:3, 3]), quaternion=quaternion(quaternion_of(T)),
    )  # fmt: skip

    def measured(scene: Scene) -> float:
        rgb = embree.render(scene, camera, {"rgb"}).rgb
        return float(rgb.mean(axis=(0, 1), dtype=np.float64) @ LUMINANCE)

    return measured


def made(plugin: type[Randomizer], library: Library, **options: Any) -> Randomizer:
    return plugin(build(plugin.Options, options), library)


def applied(one: Randomizer, scene: Scene, seed: int = 0) -> Scene:
    return one.apply(scene, one.sample(scene, stream(seed, 0, "t")))


def dark(*bodies: Body) -> Scene:
    return Scene(bodies, ambient=(0.0, 0.0, 0.0))


def rectangle_on_plate(light: Light) -> float:
    """Radiance of white, facing up at the origin, by summing over an area light's parts."""
    towards = np.array(light.direction)
    side = np.cross(towards, [0, 0, 1])
    length = np.linalg.norm(side)
    side = side / length if length > 1e-6 else np.array([1.0, 0.0, 0.0])
    up = np.cross(side, towards)
    s, t = (np.mgrid[0:200, 0:200] + 0.5) / 200 - 0.5
    across, along = side * light.size[0], up * light.size[1]
    places = light.position + s[..., None] * across + t[..., None] * along
    distance = np.linalg.norm(places, axis=-1)
    emits, arrives = -(places @ towards) / distance, places[..., 2] / distance
    factor = np.maximum(emits, 0) * np.maximum(arrives, 0) / (np.pi * distance**2)
    return float(light.intensity * light.size[0] * light.size[1] * factor.mean())


@pytest.mark.parametrize("elevation", [90.0, 50.0])
@pytest.mark.parametrize("kind", LIGHT_KINDS)
def test_a_lamp_gives_what_was_asked(
    brightness: Callable[[Scene], float], kind: str, elevation: float
) -> None:
    """A plate under it has brightness times n.l; under a large area light, the integral."""
    towards = direction(0.7, np.deg2rad(elevation))
    light = lamp(kind, np.zeros(3), towards, 0.8, 0.6, (1, 1, 1), softness=0.03, size=(0.4, 0.7))
    expected = 0.6 * towards[2]
    if kind == "area":
        exact = rectangle_on_plate(light)
        assert exact == pytest.approx(expected, rel=1e-3 if elevation == 90 else 0.1)
        expected = exact
    got = brightness(replace(dark(PLATE), lights=(light,)))
    assert got == pytest.approx(expected, rel=0.05)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.01, 5), st.floats(0.01, 5), st.floats(0.05, 20))
def test_the_rectangle_factor(width: float, height: float, distance: float) -> None:
    factor = rectangle_factor(width, height, distance)
    assert 0 < factor < 1, "1 is a rectangle without end"
    assert factor == pytest.approx(rectangle_factor(height, width, distance))
    assert rectangle_factor(width, height, distance * 1.1) < factor
    light = Light("area", position=(0.0, 0.0, distance), size=(width, height), intensity=1.0)
    if max(width, height) < distance:
        assert factor == pytest.approx(rectangle_on_plate(light), rel=1e-2)
    if max(width, height) < 0.05 * distance:
        assert factor == pytest.approx(width * height / np.pi / distance**2, rel=0.01)


@pytest.mark.parametrize("number", [1, 4])
@pytest.mark.parametrize("kind", LIGHT_KINDS)
def test_brightness_depends_on_neither_kind_nor_number_nor_distance(
    library: Library, brightness: Callable[[Scene], float], kind: str, number: int
) -> None:
    options = {"kind": kind, "number": number, "elevation_deg": 90, "aim": 0, "ambient": 0,
               "distance": [0.6, 2.5], "softness_deg": [0, 4], "intensity": 0.7,
               "temperature": 6600}  # fmt: skip
    one = made(Lighting, library, **options)
    for seed in range(3):
        scene = applied(one, dark(PLATE), seed)
        assert len(scene.lights) == number
        assert brightness(scene) == pytest.approx(0.7, rel=0.1)


@pytest.mark.parametrize("kind", LIGHT_KINDS)
def test_lights_are_where_their_params_say(library: Library, kind: str) -> None:
    one = made(Lighting, library, kind=kind, number={"integer": [0, 4]}, softness_deg=[0, 3])
    bodies = [replace(PLATE, name=f"plate{k}", position=(0.2 * k, -0.1, 0.3)) for k in range(3)]
    counts = set()
    for seed in range(12):
        params = one.sample(dark(*bodies), stream(seed, 0, "w"))
        scene = one.apply(dark(*bodies), params)
        counts.add(len(scene.lights))
        assert len(scene.lights) == params["number"]
        for light, p in zip(scene.lights, [params, *params["more"]], strict=False):
            towards = direction(*np.deg2rad([p["azimuth_deg"], p["elevation_deg"]]))
            np.testing.assert_allclose(light.direction, -towards, atol=1e-9)
            radius = np.deg2rad(p["softness_deg"])
            if kind == "directional":
                assert light.radius == pytest.approx(radius)
                continue
            middle = np.array([0.2, -0.1, 0.3])
            np.testing.assert_allclose(
                light.position, middle + p["aim"] + p["distance"] * towards, atol=1e-9
            )
            assert np.arctan(light.radius / p["distance"]) == pytest.approx(radius)
    assert counts == {0, 1, 2, 3, 4}


def test_a_light_more_leaves_the_first_ones_as_they_are(library: Library) -> None:
    few, many = (
        made(Lighting, library, number=n).sample(dark(), stream(5, 0, "m")) for n in (2, 4)
    )
    assert many["more"][0] == few["more"][0]
    assert {**many, "number": 0, "more": 0} == {**few, "number": 0, "more": 0}


def closed_room(library: Library, **options: Any) -> Scene:
    floor = Body(
        "floor", "simkit:box", (0, 0, -0.75), scale=(6, 6, 0.02), fixed=True, labelled=False
    )
    room = made(Room, library, **{"ceiling": 1, "wall_distance": [1.5, 3], **options})
    return applied(room, dark(floor, PLATE), 4)


@pytest.mark.parametrize("kind", LIGHT_KINDS)
def test_rooms_are_lit_from_within(
    library: Library, brightness: Callable[[Scene], float], kind: str
) -> None:
    one = made(Lighting, library, kind=kind, distance=8.0, intensity=0.7, temperature=6600, aim=0,
               elevation_deg=60, ambient=0)  # fmt: skip
    scene = applied(one, closed_room(library))
    (light,) = scene.lights
    assert light.kind == ("point" if kind == "directional" else kind)
    towards = -np.array(light.direction)
    assert np.linalg.norm(light.position) < free_distance(scene, np.zeros(3), towards)
    assert brightness(scene) == pytest.approx(0.7 * towards[2], rel=0.1)


def test_free_distance() -> None:
    wall = Body("wall_east", "simkit:box", (2, 0, 0), scale=(0.2, 4, 2), labelled=False)
    turned = replace(wall, quaternion=quaternion((0, 0, np.sin(np.pi / 8), np.cos(np.pi / 8))))
    x, start = np.array([1.0, 0, 0]), np.zeros(3)
    assert free_distance(dark(wall), start, x) == pytest.approx(1.9)
    assert free_distance(dark(turned), start, x) == pytest.approx(2 - 0.1 * np.sqrt(2))
    for way in (-x, np.array([0, 1.0, 0]), direction(0, 0.6)):
        assert free_distance(dark(wall), start, way) == np.inf
    for other in (replace(wall, name="box"), replace(wall, labelled=True)):
        assert free_distance(dark(other), start, x) == np.inf


@pytest.mark.parametrize("kind", ["sky", "studio", "constant", "image"])
def test_environments_are_as_bright_as_asked(
    library: Library, brightness: Callable[[Scene], float], kind: str, tmp_path: Path
) -> None:
    image = np.full((16, 32, 3), 0.3, dtype=np.float32)
    image[2:5, 5:12] = (30.0, 40.0, 50.0)
    cv2.imwrite(str(tmp_path / "map.hdr"), image)
    folder = str(tmp_path) if kind == "image" else ""
    one = made(Surround, library, kind=kind, folder=folder, intensity=0.8)
    for seed in range(4):
        scene = applied(one, replace(dark(PLATE), lights=(Light(),), ambient=(0.3, 0.3, 0.3)), seed)
        assert scene.environment is not None
        assert scene.environment.kind == kind
        assert scene.ambient == (0.0, 0.0, 0.0), "the environment takes its place"
        assert len(scene.lights) == (kind == "sky")
        assert brightness(scene) == pytest.approx(0.8, rel=0.1)


def test_a_sun_shines_from_where_the_sky_shows_it(library: Library) -> None:
    """The environment's brightest direction, its rotation included, is the light's."""
    from simkit.assets.environments import environment_image, uv_to_direction

    one = made(Surround, library, kind="sky")
    for seed in range(4):
        scene = applied(one, dark(PLATE), seed)
        assert scene.environment is not None
        image = environment_image(scene.environment)
        i, j = np.unravel_index(image.sum(axis=2).argmax(), image.shape[:2])
        (found,) = uv_to_direction([[(j + 0.5) / image.shape[1], (i + 0.5) / image.shape[0]]])
        assert -found @ scene.lights[0].direction > np.cos(0.05)


@pytest.mark.parametrize("kind", ["sky", "studio"])
def test_a_turned_environment_turns_the_picture(library: Library, kind: str) -> None:
    embree = Embree(EmbreeOptions(), library)
    one, angle = made(Surround, library, kind=kind), 40.0
    params = one.sample(dark(), stream(1, 0, "e"))
    turned = {**params, "rotation_deg": params["rotation_deg"] + angle}

    def seen(decided: dict[str, Any], azimuth: float) -> np.ndarray:
        T = look_at([0, 0, 0], direction(azimuth, 0.3))
        camera = Camera(40, 30, ((20, 0, 19.5), (0, 20, 14.5), (0, 0, 1)),
                        quaternion=quaternion(quaternion_of(T)))  # fmt: skip
        return embree.render(one.apply(dark(), decided), camera, {"rgb"}).rgb

    here, there = seen(params, 1.0), seen(turned, 1.0 + np.deg2rad(angle))
    differs = np.abs(here - there)
    assert np.median(differs) < 0.01 * here.mean()
    assert np.mean(differs) < 0.2 * np.abs(here - seen(turned, 1.0)).mean()


def test_lights_and_environments_share_the_scene(library: Library) -> None:
    lit = replace(closed_room(library), lights=(Light(),), ambient=(0.2, 0.2, 0.2))
    shut = applied(made(Surround, library, kind="sky"), lit)
    assert (shut.lights, shut.ambient) == (lit.lights, lit.ambient), "under a ceiling both stay"
    lit = replace(lit, bodies=(PLATE,))
    kept = applied(made(Surround, library, kind="studio", keep_lights=True), lit)
    assert kept.lights == lit.lights
    assert kept.ambient == (0.0, 0.0, 0.0)
    assert applied(made(Surround, library, kind="none"), lit) == lit
    well = replace(lit, bodies=tuple(b for b in closed_room(library).bodies if b.name != "ceiling"))
    low = applied(made(Surround, library, kind="sky", sun_elevation_deg=5), well)
    assert low.lights == (), "the walls' shade has no sun, but its light"
    assert low.environment is not None
    unit = replace(low.environment, intensity=1.0)
    drawn = low.environment.intensity * upward_irradiance(unit)
    assert 0.5 <= drawn <= 1.0


def test_faults_of_environments(library: Library, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="folder"):
        build(Surround.Options, {"kind": "image"})
    with pytest.raises(ConfigError, match="folder"):
        build(Surround.Options, {"folder": "maps/"})
    with pytest.raises(AssetError, match="nowhere"):
        made(Surround, library, kind="image", folder="nowhere")
    cv2.imwrite(str(tmp_path / "black.hdr"), np.zeros((8, 16, 3), dtype=np.float32))
    one = made(Surround, library, kind="image", folder=str(tmp_path))
    with pytest.raises(AssetError, match=r"black\.hdr"):
        applied(one, dark())


def test_upward_irradiance() -> None:
    colors = ((0.2, 0.5, 0.9),)
    assert upward_irradiance(Environment(colors=colors)) == pytest.approx(
        float(np.dot(LUMINANCE, colors[0])), rel=1e-6
    )
    sky = Environment("sky", colors=((0.1, 0.2, 0.5), (0.5, 0.5, 0.5), (0.1, 0.1, 0.1)))
    turned = replace(sky, sun=(0.6, 0.0, 0.8), rotation=1.0)
    assert upward_irradiance(turned) == pytest.approx(
        upward_irradiance(replace(turned, rotation=0.0)), rel=0.01
    )
    assert upward_irradiance(replace(sky, intensity=3.0)) == pytest.approx(
        3 * upward_irradiance(sky)
    )


def test_daylight() -> None:
    """Clear skies are bluer than hazy ones, low suns redder than high ones."""

    def blueness(color: tuple[float, float, float]) -> float:
        return color[2] / color[0]

    for elevation in (0.1, 0.5, 1.2):
        clear, hazy = sky_colors(2.0, elevation, 0.2), sky_colors(9.0, elevation, 0.2)
        assert blueness(clear[0]) > 1.3 * blueness(hazy[0])
        assert blueness(clear[0]) > blueness(clear[1]), "the zenith, than the horizon"
        np.testing.assert_allclose(clear[2], 0.1 * np.add(*clear[:2]))
    suns = [blueness(sun_color(3.0, elevation)) for elevation in (0.05, 0.3, 1.0, 1.5)]
    assert suns == sorted(suns)
    assert suns[0] < 0.3


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.1, 6))
def test_rooms_hold_the_furniture(seed: int, reach: float) -> None:
    """Walls stand beyond what is fixed, meet at the floor's edges, and reach the ceiling."""
    turned = quaternion((0.0, 0.0, np.sin(0.4), np.cos(0.4)))
    table = Body("table", "simkit:box", (reach / 3, 0, 0), turned, (reach, reach, 0.03), fixed=True,
                 labelled=False)  # fmt: skip
    floor = Body(
        "floor", "simkit:box", (0, 0, -0.8), scale=(3, 3, 0.02), fixed=True, labelled=False
    )
    old = replace(floor, name="wall_east", position=(1.5, 0, 0), scale=(0.02, 3, 3))
    room = made(Room, LIBRARY, ceiling=0.5, walls=0.7)
    scene = dark(floor, old, table, PLATE)
    params = room.sample(scene, stream(seed, 0, "r"))
    parts = {body.name: body for body in room.apply(scene, params).bodies}
    assert (parts["table"], parts["plate"]) == (table, PLATE)
    assert ("ceiling" in parts) == params["ceiling"]
    ground = parts["floor"]
    assert ground.position[2] == -0.8
    corner = reach / np.sqrt(2) * np.cos(np.pi / 4 - 0.8)
    for side, (axis, sign) in {"east": (0, 1), "west": (0, -1), "north": (1, 1),
                               "south": (1, -1)}.items():  # fmt: skip
        assert (f"wall_{side}" in parts) == params[side]["wall"]
        edge = sign * ground.position[axis] + ground.scale[axis] / 2
        far = sign * table.position[axis] + corner
        assert edge > max(far, params[side]["wall_distance"])
        if params[side]["wall"]:
            wall = parts[f"wall_{side}"]
            assert sign * wall.position[axis] + wall.scale[axis] / 2 == pytest.approx(edge)
            low = wall.position[2] - wall.scale[2] / 2
            assert low == pytest.approx(-0.79)
            assert wall.scale[2] == params["height"]


def test_without_a_floor_there_is_no_room(library: Library) -> None:
    scene = dark(PLATE)
    assert applied(made(Room, library), scene) == scene


LIBRARY = primitives()
