"""The scenes of a real data set again: its objects and cameras, in other surroundings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull

from simkit.assets.library import Library
from simkit.contracts import Params
from simkit.dataset.bop import read_images
from simkit.distributions import Constant, Distribution, Uniform
from simkit.errors import ConfigError
from simkit.furniture import RoomOptions, room, sample_room, table
from simkit.geometry import apply_transform, invert
from simkit.options import setting, varied
from simkit.population import ObjectOptions, PopulatedFamily
from simkit.recorded import (
    PIXEL_CENTRES,
    check_ids,
    embedded_images,
    names_by_id,
    pixel_centre_of,
    recorded_bodies,
    recorded_camera,
    support,
)
from simkit.regions import region_above
from simkit.scene import Scene

EMBEDDED = "embedded"


@dataclass
class ReplayBopOptions(ObjectOptions, RoomOptions):
    """Which recorded scenes, and what is put around them."""

    objects: Distribution = varied(
        Constant(0), low=0, high=200, whole=True, help="more objects, dropped on the recorded ones"
    )
    source: str = setting(
        EMBEDDED, help="a BOP scene, split or data set (scenewise); embedded: a made-up one, to try"
    )
    pixel_centre: str = setting(
        "bop", allowed=tuple(PIXEL_CENTRES), help="where its cam_K has the top left pixel's centre"
    )
    scene_ids: list[int] = setting([], low=0, help="scenes that are replayed; empty takes all")
    table: bool = setting(
        True, help="put a table under the objects, and a room around; else nothing"
    )
    table_size: Distribution = varied(
        Uniform(1.0, 2.0), unit="m", low=0.1, high=20.0, help="side of the table, each of two drawn"
    )


class ReplayBop(PopulatedFamily):
    """Each scene has the objects and the camera of one real image, drawn at random.

    Objects ``NAME@k``, k their place in the annotation, stay at their annotated poses; the world's
    z = 0 is the plane that most of them stand on (`simkit.recorded.support`). ``models.source``
    names the set's models. A randomizer that places a camera takes the place of the recorded one.
    """

    Options = ReplayBopOptions
    places_camera = True
    randomizers = ("placement", "material", "light")

    def __init__(self, options: Any, library: Library) -> None:
        super().__init__(options, library)
        embedded = options.source == EMBEDDED
        images = embedded_images(library) if embedded else read_images(options.source)
        missing = sorted(set(options.scene_ids) - {image.scene_id for image in images})
        if missing:
            raise ConfigError(f"scene.scene_ids: {options.source} has no scene {missing[0]}")
        kept = [i for i in images if not options.scene_ids or i.scene_id in options.scene_ids]
        self.images = {(image.scene_id, image.im_id): image for image in kept}
        self.names = names_by_id(library)
        check_ids(kept, self.names)
        models = {self.names[record["obj_id"]] for image in kept for record in image.gt}
        points = {name: library[name].mesh.vertices.astype(np.float64) for name in models}
        self.hulls = {name: at[ConvexHull(at).vertices] for name, at in points.items()}

    def sample(self, rng: np.random.Generator) -> Params:
        scene_id, im_id = list(self.images)[int(rng.integers(len(self.images)))]
        return {
            **self.population.sample(rng),
            "scene_id": scene_id,
            "im_id": im_id,
            "table_size": [self.options.table_size.sample(rng) for _ in range(2)],
            **sample_room(self.options, rng),
        }

    def build(self, params: Params) -> Scene:
        image = self.images[params["scene_id"], params["im_id"]]
        at_camera = recorded_bodies(image, self.names, np.eye(4))
        T_world_camera = invert(support(at_camera, (0.0, 0.0, 0.0), self.hulls))
        bodies = [
            replace(body, name=body.name.replace("#", "@"), fixed=True)
            for body in recorded_bodies(image, self.names, T_world_camera)
        ]
        hulls = [
            apply_transform(one.T_world_body, self.hulls[one.model] * np.array(one.scale))
            for one in bodies
        ]
        around = [*room(params), table(*params["table_size"])] if self.options.table else []
        return Scene(
            bodies=(*around, *bodies, *self.population.bodies(params)),
            camera=recorded_camera(
                image, pixel_centre_of(self.options.pixel_centre), T_world_camera
            ),
            regions=(region_above(np.vstack(hulls)),),
        )
