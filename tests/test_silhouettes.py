"""Silhouettes with what is seen at hand, by few rays: against all rays, for each camera and shutter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from simkit.assets.primitives import primitives
from simkit.geometry import look_at, quaternion_of
from simkit.raycast import CANVAS, RayCaster, Silhouette
from simkit.render.embree import Embree, EmbreeOptions
from simkit.scene import Body, Camera, Scene, quaternion, vec3

LIBRARY = primitives()
WIDTH, HEIGHT = 128, 96
DISTORTION = {
    "pinhole": (), "brown_conrady": (-0.2, 0.05, 0.002, -0.001),
    "kannala_brandt": (0.02, 0.0, 0.0, 0.0), "equirectangular": (),
}  # fmt: skip


def view(model: str, readout: float) -> Camera:
    T = look_at([0.3, -1.2, 0.6], [0.0, 0.0, 0.1])
    K = ((110.0, 0, (WIDTH - 1) / 2), (0, 110.0, (HEIGHT - 1) / 2), (0, 0, 1))
    return Camera(
        WIDTH, HEIGHT, K, vec3(T[:3, 3]), quaternion(quaternion_of(T)), model=model,
        distortion=DISTORTION[model], readout=readout,
    )  # fmt: skip


def heap() -> Scene:
    """Return bodies on a floor that hide each other; some leave the image, some cannot be seen."""
    rng = np.random.default_rng(3)
    bodies = [Body("floor", "simkit:plane", scale=(4.0, 4.0, 1.0), labelled=False, fixed=True)]
    for number in range(14):
        kind = ("box", "cylinder", "sphere")[number % 3]
        bodies.append(
            Body(
                f"{number}",
                f"simkit:{kind}",
                vec3(rng.uniform((-0.8, -0.5, 0.02), (0.8, 0.8, 0.4))),
                quaternion(rng.normal(size=4)),
                scale=vec3(rng.uniform(0.1, 0.35, 3)),
                velocity=vec3(rng.normal(size=3)),
            )
        )
    return Scene(tuple(bodies))


def canvas(one: Silhouette) -> NDArray[np.bool_]:
    whole = np.zeros(((2 * CANVAS + 1) * HEIGHT, (2 * CANVAS + 1) * WIDTH), dtype=bool)
    y, x = one.y + CANVAS * HEIGHT, one.x + CANVAS * WIDTH
    whole[y : y + one.pixels.shape[0], x : x + one.pixels.shape[1]] = one.pixels
    return whole


@pytest.mark.parametrize("readout", [0.0, 0.02])
@pytest.mark.parametrize("model", sorted(DISTORTION))
def test_few_rays_find_what_all_find(model: str, readout: float) -> None:
    scene, camera, caster = heap(), view(model, readout), RayCaster(LIBRARY)
    frame = Embree(EmbreeOptions(), LIBRARY).render(scene, camera, ["instance", "depth"])
    found = caster.silhouettes(scene.labelled(), camera, frame.instance, frame.depth)
    hidden = outside = 0
    for (number, body), silhouette in zip(scene.labelled(), found, strict=True):
        visible = frame.instance == number
        alone = canvas(caster.silhouette(body, camera))
        alone[CANVAS * HEIGHT : -CANVAS * HEIGHT, CANVAS * WIDTH : -CANVAS * WIDTH] |= visible
        assert (canvas(silhouette) == alone).all(), body.name
        inside = silhouette.in_image(WIDTH, HEIGHT)
        hidden += int((inside & ~visible).sum())
        outside += silhouette.area - int(inside.sum())
    assert hidden > (20 if model == "equirectangular" else 500)
    assert outside > 20 or model == "equirectangular"


def test_a_pixel_is_the_instances_where_it_is_seen() -> None:
    """A rasterizer may see a body where no ray meets it: it is part of the silhouette then."""
    scene, camera = heap(), view("pinhole", 0.0)
    number, body = scene.labelled()[0]
    frame = Embree(EmbreeOptions(), LIBRARY).render(scene, camera, ["instance", "depth"])
    frame.instance[2, 3] = number
    found = RayCaster(LIBRARY).silhouettes([(number, body)], camera, frame.instance, frame.depth)
    assert found[0].in_image(WIDTH, HEIGHT)[2, 3]


def test_a_body_that_nothing_shows_has_an_empty_silhouette() -> None:
    camera = view("pinhole", 0.0)
    behind = replace(heap().bodies[1], position=(0.3, -3.0, 0.6))
    nothing = np.zeros((HEIGHT, WIDTH), dtype=np.int32)
    found = RayCaster(LIBRARY).silhouettes([(1, behind)], camera, nothing, nothing.astype("f4"))
    assert found[0].area == 0
