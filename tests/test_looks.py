"""What `material`, `scale` and `dynamics` make of a scene."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import binom, chisquare

from randomizers.dynamics import Dynamics
from randomizers.material import MaterialLook
from randomizers.placement import Placement
from randomizers.scale import Scale
from simkit.assets.color import srgb_to_linear
from simkit.assets.library import Library, load_library
from simkit.assets.options import ModelOptions
from simkit.assets.primitives import primitives
from simkit.assets.textures import texture_image
from simkit.contracts import Params, Randomizer
from simkit.errors import AssetError, ConfigError
from simkit.geometry import look_at, quaternion_of
from simkit.looks import filtered
from simkit.options import build
from simkit.ordering import in_order
from simkit.pipeline import Pipeline
from simkit.randomness import stream
from simkit.render import Renderer
from simkit.render.embree import Embree
from simkit.scene import Body, Camera, Light, Material, Scene, Texture, quaternion, vec3

LIBRARY = load_library(ModelOptions(collision="convex_hull")).merged(primitives())
MODELS = LIBRARY.labelled_names()
MANY = 400
CERTAIN = 1 - 1e-6


def made(plugin: type[Randomizer], library: Library = LIBRARY, **options: Any) -> Randomizer:
    return plugin(build(plugin.Options, options), library)


def objects(count: int) -> Scene:
    return Scene(
        tuple(Body(f"object#{k}", MODELS[k % len(MODELS)], mass=0.2) for k in range(count))
    )


def floor(**fields: Any) -> Body:
    return Body("floor", "simkit:box", fixed=True, labelled=False, **fields)


def dressed(scene: Scene, seed: int = 0, **options: Any) -> tuple[list[Params], list[Material]]:
    """Params and materials of a scene's bodies, in order."""
    one = made(MaterialLook, **options)
    params = one.sample(scene, stream(seed, 0, "material"))
    changed = one.apply(scene, params)
    return [params[body.name] for body in scene.bodies], [body.material for body in changed.bodies]


def textures_of(materials: list[Material]) -> list[Texture]:
    return [material.texture for material in materials if material.texture is not None]


# material: how often


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_looks_are_as_frequent_as_asked(probability: float) -> None:
    low, high = binom.interval(CERTAIN, MANY, probability)
    scene = objects(MANY)
    kept = dressed(scene, keep_look=probability)[1]
    assert low <= sum(material.own_look for material in kept) <= high
    patterned = dressed(scene, keep_look=0, textured=probability)[1]
    assert low <= len(textures_of(patterned)) <= high
    bumpy = dressed(scene, keep_look=0, bumpy=probability)[1]
    assert low <= sum(material.normal_map is not None for material in bumpy) <= high


def test_kept_looks_have_neither_patterns_nor_bumps() -> None:
    for material in dressed(objects(50), keep_look=1, textured=1, bumpy=1)[1]:
        assert (material.own_look, material.texture, material.normal_map) == (True, None, None)


def test_palette() -> None:
    codes = ["#ff0000", "#00ff00", "#0000ff", "#808080"]
    scene = replace(objects(MANY), bodies=(*objects(MANY).bodies, floor()))
    materials = dressed(scene, keep_look=0, textured=0.5, background="dots", palette=codes)[1]
    allowed = [vec3(srgb_to_linear(np.array(rgb) / 255))
               for rgb in ((255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128))]  # fmt: skip
    plain = [material.base_color for material in materials if material.texture is None]
    assert chisquare([plain.count(color) for color in allowed]).pvalue > 1e-6
    assert sum(plain.count(color) for color in allowed) == len(plain) > 100
    assert {color for texture in textures_of(materials) for color in texture.colors} == set(allowed)


@pytest.mark.parametrize("code", ["red", "#ff00", "#ff00gg", "ff0000"])
def test_a_palette_of_no_colours(code: str) -> None:
    with pytest.raises(ConfigError, match=r"material\.palette\[1\].*#rrggbb"):
        build(MaterialLook.Options, {"palette": ["#000000", code]}, "randomizers.material")


# material: what


def test_a_kept_look_varies_slightly() -> None:
    params, materials = dressed(objects(100), keep_look=1, kept_brightness=[0.8, 0.9],
                                kept_cast=[0.0, 0.2], kept_metallic=0.25)  # fmt: skip
    colors = np.array([material.base_color for material in materials])
    assert (colors <= 0.9).all()
    assert (colors >= 0.8 * 0.8 - 1e-12).all()
    assert np.allclose(colors.max(axis=1), [one["kept_brightness"] for one in params])
    assert len({material.base_color for material in materials}) == 100
    assert {material.metallic for material in materials} == {0.25}


def test_no_variation_keeps_a_look_as_it_is() -> None:
    given = Material((0.5, 1.0, 1.0), texture=Texture("checker", size=0.03))
    scene = Scene((Body("card", MODELS[0], material=given),))
    _, (material,) = dressed(scene, keep_look=1, kept_brightness=1, kept_cast=0, roughness=0.6)
    assert material == given


@given(*[st.floats(0, 1)] * 3)
def test_filters_take_light_and_add_none(brightness: float, cast: float, hue: float) -> None:
    color = filtered(brightness, cast, hue)
    assert max(color) == pytest.approx(brightness)
    assert min(color) == pytest.approx(brightness * (1 - cast))


def test_distractors_look_like_objects() -> None:
    bodies = (
        Body("distractor:part#0", MODELS[0], labelled=False),
        Body("distractor:hung#0", "simkit:box", labelled=False, fixed=True),
        Body("distractor:box#0", "simkit:box", labelled=False),
        Body("tote", MODELS[1], labelled=False, fixed=True),
        floor(),
    )
    kept = dressed(Scene(bodies), keep_look=1)
    assert [material.own_look for material in kept[1]] == [True, False, False, True, False]
    assert ["background_tile" in look for look in kept[0]] == [False] * 4 + [True]


def test_background_options() -> None:
    options = {"background": "voronoi", "background_tile": 0.33, "background_roughness": 0.4,
               "background_metallic": 0.7, "octaves": 2}  # fmt: skip
    _, (material,) = dressed(Scene((floor(),)), **options)
    assert material.texture is not None
    assert (material.texture.kind, material.texture.size) == ("voronoi", 0.33)
    assert (material.roughness, material.metallic, material.texture.octaves) == (0.4, 0.7, 2)
    _, (plain,) = dressed(Scene((floor(),)), background="plain", bumpy=1)
    assert plain.texture is None
    assert plain.base_color != (1, 1, 1)
    assert plain.normal_map is not None
    assert plain.normal_map.kind == "noise"


def test_tiles_are_measured_in_diameters_or_metres() -> None:
    model = MODELS[0]
    scene = Scene((Body("part", model, scale=(2.0, 2.0, 2.0)),))
    options = {"keep_look": 0, "textured": 1, "bumpy": 1, "tile": 0.5}
    for unit, size in (("diameter", LIBRARY[model].diameter), ("m", 0.5)):
        _, (material,) = dressed(scene, **options, tile_in=unit)
        assert material.texture is not None
        assert material.texture.size == pytest.approx(size)
        assert material.normal_map is not None
        assert material.normal_map.size == material.texture.size


def test_bumps_follow_the_pattern() -> None:
    for material in dressed(objects(40), keep_look=0, textured=1, bumpy=1, relief=[0.01, 0.02])[1]:
        pattern, bumps = material.texture, material.normal_map
        assert pattern is not None
        assert bumps is not None
        assert pattern.relief == 0 < 0.01 <= bumps.relief <= 0.02
        assert replace(bumps, colors=pattern.colors, relief=0.0) == pattern


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(3):
        Image.fromarray(np.full((4, 4, 3), 50 * number, np.uint8)).save(tmp_path / f"{number}.png")
    return tmp_path


def test_folders_of_images(photos: Path) -> None:
    scene = replace(objects(60), bodies=(*objects(60).bodies, floor()))
    options = {"keep_look": 0, "textured": 1, "bumpy": 1, "background": "wood"}
    found = textures_of(dressed(scene, **options, texture_folder=str(photos))[1])
    assert {texture.path for texture in found[:-1]} == {str(path) for path in photos.iterdir()}
    assert found[-1].kind == "wood"
    behind = textures_of(dressed(scene, **options, background_folder=str(photos))[1])
    assert (behind[-1].kind, Path(behind[-1].path).parent) == ("image", photos)
    assert all(texture.kind != "image" for texture in behind[:-1])


@pytest.mark.parametrize("key", ["texture_folder", "background_folder"])
def test_a_folder_that_is_not_there(key: str, tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="nowhere: the folder is not there"):
        made(MaterialLook, **{key: str(tmp_path / "nowhere")})


# bumps in the picture


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    one = Embree(Embree.Options(), LIBRARY)
    yield one
    one.close()


@pytest.mark.parametrize("side", ["x", "y"])
def test_slopes_that_face_the_light_are_brighter(renderer: Renderer, side: str) -> None:
    """A square metre of bumps from straight above, against Lambert's law of their own heights."""
    bumps = Texture("noise", size=1.0, seed=3, octaves=1, relief=0.15)
    material = Material((0.5, 0.5, 0.5), roughness=1.0, own_look=False, normal_map=bumps)
    plane = Body("plane", "simkit:plane", material=material, fixed=True)
    towards = np.array([0.6, 0.0, 0.8] if side == "x" else [0.0, 0.6, 0.8])
    light = Light(direction=vec3(-towards), casts_shadow=False)
    above = quaternion(quaternion_of(look_at((0, 0, 5), (0, 0, 0))))
    camera = Camera(64, 64, ((320, 0, 31.5), (0, 320, 31.5), (0, 0, 1)), vec3((0, 0, 5)), above)
    scene = Scene((plane,), (light,), ambient=(0.0, 0.0, 0.0), camera=camera)
    seen = renderer.render(scene, camera, ("rgb",)).rgb[..., 1]
    tile = np.roll(texture_image(bumps, 64) / 255.0 * 2 - 1, (32, 32), axis=(0, 1))
    expected = tile @ towards
    assert np.corrcoef(seen.ravel(), expected.ravel())[0, 1] > 0.98
    other = tile @ (towards * [-1, -1, 1])
    assert np.corrcoef(seen.ravel(), other.ravel())[0, 1] < 0


# scale


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 20), st.floats(0.2, 5), st.integers(0, 2**31))
def test_scale_in_sizes_and_masses(factor: float, stretch: float, seed: int) -> None:
    low, high = sorted((1.0, stretch))
    one = made(Scale, factor=factor, stretch=[low, high])
    scene = replace(objects(3), bodies=(*objects(3).bodies, floor()))
    params = one.sample(scene, stream(seed, 0, "s"))
    changed = one.apply(scene, params)
    assert changed.bodies[-1] == scene.bodies[-1]
    for before, after in zip(scene.bodies[:-1], changed.bodies[:-1], strict=True):
        vertices = LIBRARY[before.model].mesh.vertices
        grown = np.ptp(vertices * after.scale, axis=0) / np.ptp(vertices * before.scale, axis=0)
        assert np.allclose(grown, factor * np.array(params[before.name]["stretch"]))
        assert (grown >= factor * low * (1 - 1e-9)).all()
        assert (grown <= factor * high * (1 + 1e-9)).all()
        densities = [body.mass / np.prod(body.scale) for body in (before, after)]
        assert densities[0] == pytest.approx(densities[1])


def test_scale_of_one_changes_nothing() -> None:
    one, scene = made(Scale, factor=1), objects(4)
    assert one.apply(scene, one.sample(scene, stream(0, 0, "s"))) == scene


def test_placement_makes_room_for_what_was_scaled() -> None:
    assert next(iter(in_order({"placement": made(Placement), "scale": made(Scale)}))) == "scale"
    config = {
        "models": {"collision": "convex_hull"},
        "labels": [],
        "physics": {"enabled": False},
        "scene": {"objects": 4},
        "render": {"backend": "embree"},
        "randomizers": {"scale": {"factor": 2.0}, "camera": {"width": 16, "height": 12}},
    }
    with Pipeline(config) as pipeline:
        sample = pipeline(0)
        labelled = [body for _, body in sample.scene.labelled()]
        assert [body.scale for body in labelled] == [(2.0, 2.0, 2.0)] * 4
        for body in labelled:
            mesh = pipeline.library[body.model].mesh
            turned = (mesh.vertices * body.scale) @ body.T_world_body[:3, :3].T
            assert (turned[:, 2] + body.position[2]).min() > 0, "above the table"


# dynamics


def test_dynamics() -> None:
    scene = replace(objects(5), bodies=(*objects(5).bodies, floor()), gravity=(0.0, 3.0, -4.0))
    one = made(Dynamics, friction=[0.2, 0.4], mass_factor=[2, 3], gravity_factor=0.5, tilt_deg=20)
    params = one.sample(scene, stream(1, 0, "d"))
    changed = one.apply(scene, params)
    assert np.linalg.norm(changed.gravity) == pytest.approx(2.5)
    cosine = np.dot(changed.gravity, scene.gravity) / (2.5 * 5)
    assert np.degrees(np.arccos(cosine)) == pytest.approx(20)
    assert all(0.2 <= body.friction <= 0.4 for body in changed.bodies)
    assert len({body.friction for body in changed.bodies}) == 6
    factors = [body.mass / 0.2 for body in changed.bodies[:-1]]
    assert all(2 <= factor <= 3 for factor in factors)
    assert len(set(factors)) == 5
    assert changed.bodies[-1].mass == scene.bodies[-1].mass


def test_gravity_tilts_to_all_sides() -> None:
    one, scene = made(Dynamics, gravity_factor=1, tilt_deg=5), objects(0)
    pulls = np.array(
        [one.apply(scene, one.sample(scene, stream(k, 0, "d"))).gravity for k in range(200)]
    )
    assert np.allclose(pulls[:, 2], -9.81 * np.cos(np.radians(5)))
    assert np.histogram(np.arctan2(pulls[:, 1], pulls[:, 0]), bins=8)[0].min() >= 8


def test_what_floats_goes_on_floating() -> None:
    scene = replace(objects(1), gravity=(0.0, 0.0, 0.0))
    one = made(Dynamics)
    changed = one.apply(scene, one.sample(scene, stream(0, 0, "d")))
    assert changed.gravity == (0.0, 0.0, 0.0)
