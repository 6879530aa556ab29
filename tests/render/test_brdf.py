"""The BRDF by itself: reciprocal, and never brighter than what falls on it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simkit.assets.color import KNEE, tone_map
from simkit.render.brdf import (
    alpha_of,
    brdf_channel,
    energy_boost,
    environment_weights,
    ggx_distribution,
    smith_visibility,
    specular_and_fresnel,
    spot_falloff,
)
from simkit.render.prefilter import split_sum_table


def reflect(view: np.ndarray, light: np.ndarray, base: float, metal: float, rough: float) -> float:
    half = (view + light) / np.linalg.norm(view + light)
    specular, weight = specular_and_fresnel(
        light[2], view[2], half[2], float(view @ half), alpha_of(rough)
    )
    return brdf_channel(base, metal, specular, weight)


def above(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return unit vectors with z > 0, evenly distributed."""
    z, turn = rng.random(count), 2 * np.pi * rng.random(count)
    return np.stack(
        [np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z], axis=1
    )


def test_reciprocity() -> None:
    rng = np.random.default_rng(0)
    for view, light in zip(above(rng, 200), above(rng, 200), strict=True):
        values = rng.random(3)
        there, back = reflect(view, light, *values), reflect(light, view, *values)
        assert there == pytest.approx(back, rel=1e-9)


def test_the_product_is_of_its_factors() -> None:
    for n_l, n_v, n_h, v_h, rough in np.random.default_rng(0).random((50, 5)):
        alpha = alpha_of(rough)
        product = ggx_distribution(n_h, alpha) * smith_visibility(n_l, n_v, alpha)
        got = specular_and_fresnel(n_l, n_v, n_h, v_h, alpha)[0]
        assert got == pytest.approx(product, rel=1e-9)


@pytest.mark.parametrize("rough", [0.2, 0.5, 1.0])
def test_ggx_is_normalised(rough: float) -> None:
    """The projected area of the facets is that of the surface: the integral of D n.h is 1."""
    cosines = np.linspace(0, 1, 200_001)
    values = np.array([ggx_distribution(c, alpha_of(rough)) for c in cosines]) * cosines
    assert 2 * math.pi * np.trapezoid(values, cosines) == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("metal", [0.0, 1.0])
@pytest.mark.parametrize("rough", [0.3, 0.6, 1.0])
def test_no_more_light_leaves_than_comes(rough: float, metal: float) -> None:
    """glTF's dielectric takes from the diffuse part what the facets reflect, not what the surface
    does, so that it gains up to a fifth where it is seen at a low angle; metals gain nothing."""
    lights = above(np.random.default_rng(1), 20_000)
    for cosine in (0.2, 0.6, 1.0):
        view = np.array([math.sqrt(1 - cosine * cosine), 0.0, cosine])
        total = np.mean([reflect(view, l, 1.0, metal, rough) * l[2] for l in lights])  # noqa: E741
        low = metal == 0.0 and cosine < 0.5
        assert 2 * math.pi * total <= (1.2 if low else 1.03)  # 20,000 samples


def test_a_white_surface_in_white_light_is_white() -> None:
    for a, b in split_sum_table().reshape(-1, 2).astype(float):
        for metal in (0.0, 0.5, 1.0):
            specular, diffuse = environment_weights(1.0, metal, a, b, energy_boost(a, b))
            assert specular + diffuse == pytest.approx(1.0, abs=0.02) or 0 < metal < 1


def test_a_spot_fades_out_over_its_outer_fifth() -> None:
    cone = 0.5
    assert spot_falloff(math.cos(0.8 * cone - 1e-6), cone) == pytest.approx(1.0, abs=1e-6)
    assert spot_falloff(math.cos(0.9 * cone), cone) == pytest.approx(0.5, abs=1e-6)
    assert spot_falloff(math.cos(cone), cone) == pytest.approx(0.0, abs=1e-6)


def test_tone_mapping() -> None:
    values = np.linspace(0, 20, 5000)
    mapped = tone_map(values)
    assert np.array_equal(mapped[values <= KNEE], values[values <= KNEE])
    assert (np.diff(mapped) >= 0).all()
    assert mapped.max() <= 1.0
    assert np.diff(mapped).max() < 1.001 * np.diff(values).max(), "no step, and no slope above 1"
    assert tone_map(values.astype(np.float32)).dtype == np.float32
