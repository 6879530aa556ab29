"""Checks of sensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.assets.color import tone_mapped_bytes
from simkit.checker.contract import (
    SEEDS,
    Broken,
    Check,
    loaded,
    made,
    make,
    models,
    no_global_randomness,
    require,
    run_all,
    same,
    through_json,
)
from simkit.checker.randomizers import draws_in_support, sample_is_deterministic, scenes
from simkit.contracts import Params
from simkit.pipeline import Pipeline
from simkit.randomness import stream
from simkit.render import CHANNELS, Frame
from simkit.scene import Scene, matrix3
from simkit.sensors import OUTPUTS, PHASES, Sensor, Shot, camera_of

WIDTH, HEIGHT = 128, 96
STAGES = ("scene", "view", "frame")
LAYOUTS = {"color": (3, np.uint8), "gray": (2, np.uint8), "depth": (2, np.float32)}
"""Dimensions and type of what may be measured (`simkit.sensors.OUTPUTS`)."""


def check_sensor(name: str) -> list[Check]:
    """Return what was checked of the sensor `name`."""
    load, plugin = loaded("sensors", name, Sensor)
    if plugin is None:
        return [load]
    build, sensor = made(plugin)
    if sensor is None:
        return [load, build]
    declared = run_all(
        {
            "phase and stage are ones that there are": _says_when,
            "channels are ones that there are": _channels_are_valid,
            "outputs are of kinds that there are": _outputs_are_valid,
        },
        sensor,
    )
    if not all(check.passed for check in declared):
        return [load, build, *declared]
    checks: dict[str, Callable[..., str | None]] = {
        "sample follows from scene and rng": sample_is_deterministic,
        "what it draws lies in the declared supports": draws_in_support,
        "params survive JSON": _params_survive_json,
        "mount gives valid cameras": _mounts,
        "process keeps shape and type": _processes,
        "noise is another for each image and eye": _noise_differs,
        "measures what it declares": _measures,
        "mount, process and measure are deterministic": _is_deterministic,
        "uses no global randomness": _no_global_randomness,
        "scene, frame, image and params stay as they were": _leaves_inputs,
    }
    return [load, build, *declared, *run_all(checks, sensor)]


@dataclass
class Case:
    """A sensor's params, its mounted scene, and what was rendered of it.

    Attributes:
        asked: names and eyes for which noise was asked.
    """

    seed: int
    scene: Scene
    params: Params
    mounted: Scene
    frame: Frame
    asked: list[tuple[str, int]] = field(default_factory=list)

    def shot(self, index: int = 0, eye: int = 0) -> Shot:
        """Return the shot, as of image `index`."""

        def rng_of(name: str, which: int) -> np.random.Generator:
            self.asked.append((name, which))
            return stream(self.seed, index, f"check/{name}/{which}")

        def picture(frame: Frame, which: int) -> NDArray[Any]:
            return tone_mapped_bytes(frame.rgb)

        draw = _pipeline().renderer.render
        return Shot(
            self.mounted, self.frame, models(), draw, rng_of, picture, name="checked", eye=eye
        )

    def image(self, phase: str) -> NDArray[Any]:
        """Return what a sensor of this phase gets, with light above white and none at all."""
        light = self.frame.rgb.copy()
        light[: HEIGHT // 4] *= np.float32(8.0)
        light[-HEIGHT // 4 :, : WIDTH // 4] = 0.0
        if phase == "lens":
            return light
        return tone_mapped_bytes(light) if phase == "picture" else np.minimum(light, 1.0)


@cache
def _pipeline() -> Pipeline:
    config = {"labels": [], "physics": {"enabled": False}}
    return Pipeline(config, library=models())


def _scenes() -> Iterator[Scene]:
    """Yield the scenes that are tried, at a size at which depth cameras can match."""
    for scene in scenes():
        camera = camera_of(scene)
        K = np.array(camera.cam_K)
        K[:2] *= WIDTH / camera.width
        shown = replace(camera, width=WIDTH, height=HEIGHT, cam_K=matrix3(K))
        yield replace(scene, camera=shown)


def _sampled(sensor: Sensor, scene: Scene, seed: int) -> Params:
    return sensor.sample(scene, stream(seed, 0, "check"))


def _cases(sensor: Sensor) -> Iterator[Case]:
    """Yield what the sensor is tried on; each frame is a copy, for a plug-in may spoil it."""
    for seed, scene in zip(SEEDS, _scenes(), strict=True):
        params = _sampled(sensor, scene, seed)
        mounted = sensor.mount(scene, params)
        kept = _rendered(mounted, frozenset({"rgb", *sensor.channels}))
        frame = Frame({name: array.copy() for name, array in kept.channels.items()})
        yield Case(seed, scene, params, mounted, frame)


@lru_cache(maxsize=2 * len(SEEDS))
def _rendered(scene: Scene, channels: frozenset[str]) -> Frame:
    return _pipeline().renderer.render(scene, camera_of(scene), channels)


def _says_when(sensor: Sensor) -> str:
    require(sensor.phase in PHASES, f"phase '{sensor.phase}' is not in {PHASES}")
    require(sensor.stage in STAGES, f"stage '{sensor.stage}' is not in {STAGES}")
    return f"{sensor.phase}, decides once a {sensor.stage}"


def _channels_are_valid(sensor: Sensor) -> str:
    unknown = set(sensor.channels) - set(CHANNELS)
    require(not unknown, f"there are no channels {sorted(unknown)}; there are {sorted(CHANNELS)}")
    return ", ".join(sorted({"rgb", *sensor.channels}))


def _outputs_are_valid(sensor: Sensor) -> str:
    for name, kind in sensor.outputs.items():
        require(kind in OUTPUTS, f"'{name}' is '{kind}', not in {OUTPUTS}")
    return ", ".join(sorted(sensor.outputs)) or "the picture alone"


def _params_survive_json(sensor: Sensor) -> None:
    for seed, scene in zip(SEEDS, _scenes(), strict=True):
        params = _sampled(sensor, scene, seed)
        require(isinstance(params, dict), f"sample gives a {type(params).__name__}, not a dict")
        mounted, again = (sensor.mount(scene, one) for one in (params, through_json(params)))
        require(same(mounted, again), f"seed {seed}: read back from JSON, params mount another")


def _mounts(sensor: Sensor) -> str:
    changed = False
    for seed, scene in zip(SEEDS, _scenes(), strict=True):
        mounted = sensor.mount(scene, _sampled(sensor, scene, seed))
        require(isinstance(mounted, Scene), f"mount gives a {type(mounted).__name__}, no Scene")
        read = Scene.from_dict(through_json(mounted.to_dict(), "scenes"))
        require(same(read, mounted), f"seed {seed}: the scene is another once read back from JSON")
        others = replace(mounted, camera=scene.camera)
        require(
            same(others, scene), f"seed {seed}: mount changes more of the scene than its camera"
        )
        before, after = camera_of(scene), camera_of(mounted)
        sizes = [(one.width, one.height) for one in (before, after)]
        require(sizes[0] == sizes[1], f"seed {seed}: mount changes the picture's size")
        changed |= not same(before, after)
    return "changes the camera" if changed else "leaves the camera as it is"


def _processes(sensor: Sensor) -> None:
    dtype = np.uint8 if sensor.phase in ("develop", "picture") else np.float32
    for case in _cases(sensor):
        image = case.image(sensor.phase)
        made_of = sensor.process(image, case.params, case.shot())
        require(isinstance(made_of, np.ndarray), f"gives a {type(made_of).__name__}, no array")
        right = made_of.shape == image.shape and made_of.dtype == dtype
        wanted = f"{image.shape} {np.dtype(dtype)}"
        require(right, f"gives {made_of.shape} {made_of.dtype}, not {wanted}")
        if dtype == np.float32:
            low, high = float(made_of.min()), float(made_of.max())
            require(bool(np.isfinite(made_of).all()), "gives values that are not finite")
            require(low >= 0, f"gives light of {low:g}, below 0")
            caught = sensor.phase == "lens" or high <= max(1.0, float(image.max()))
            require(caught, f"gives a signal of {high:g}, above full well, 1")


def _noise_differs(sensor: Sensor) -> str:
    for case in _cases(sensor):
        image = case.image(sensor.phase)
        first, *others = [
            sensor.process(image.copy(), case.params, case.shot(index, eye))
            for index, eye in ((0, 0), (1, 0), (0, 1))
        ]
        if not case.asked:
            return "asks for none"
        require(case.asked[0] == ("checked", 0), "takes another sensor's noise; use shot.noise()")
        for which, other in zip(("image", "eye"), others, strict=True):
            require(not same(first, other), f"another {which} has the same noise")
    return "differs"


def _measured(sensor: Sensor, case: Case, index: int = 0) -> dict[str, NDArray[Any]]:
    images: Any = sensor.measure(case.params, case.shot(index))
    if not isinstance(images, dict):
        raise Broken(f"measure gives a {type(images).__name__}, no dict")
    return images


def _measures(sensor: Sensor) -> str:
    for case in _cases(sensor):
        images = _measured(sensor, case)
        wanted, given = sorted(sensor.outputs), sorted(images)
        require(given == wanted, f"measures {given}, and declares {wanted}")
        for name, kind in sensor.outputs.items():
            dimensions, dtype = LAYOUTS[kind]
            image = images[name]
            right = image.ndim == dimensions and image.dtype == dtype
            require(right, f"{name} is {image.shape} {image.dtype}, no {kind} image")
            valid = bool(np.isfinite(image).all()) and bool((image >= 0).all())
            require(valid, f"{name} has values that are negative or not finite")
    return ", ".join(f"{name}: {kind}" for name, kind in sorted(sensor.outputs.items()))


def _outcome(sensor: Sensor, case: Case) -> tuple[Any, ...]:
    image = case.image(sensor.phase)
    mounted = sensor.mount(case.scene, case.params)
    return mounted, sensor.process(image, case.params, case.shot()), _measured(sensor, case)


def _is_deterministic(sensor: Sensor) -> None:
    cases = list(_cases(sensor))
    first = [_outcome(sensor, case) for case in cases]
    other = make(type(sensor))
    again = [_outcome(other, case) for case in reversed(cases)][::-1]
    for case, a, b in zip(cases, first, again, strict=True):
        message = f"seed {case.seed}: another object, asked in another order, gives something else"
        require(same(a, b), message)


def _no_global_randomness(sensor: Sensor) -> None:
    cases = list(_cases(sensor))
    with no_global_randomness():
        for case in cases:
            _sampled(sensor, case.scene, case.seed)
            _outcome(sensor, case)


def _leaves_inputs(sensor: Sensor) -> None:
    for case in _cases(sensor):
        image = case.image(sensor.phase)
        channels = {name: array.copy() for name, array in case.frame.channels.items()}
        before = image.copy(), through_json(case.params), through_json(case.scene.to_dict())
        sensor.mount(case.scene, case.params)
        sensor.process(image, case.params, case.shot())
        _measured(sensor, case)
        after = image, through_json(case.params), through_json(case.scene.to_dict())
        for what, a, b in zip(("image", "params", "scene"), before, after, strict=True):
            require(same(a, b), f"seed {case.seed}: changes the {what} it is given")
        require(
            same(channels, case.frame.channels), f"seed {case.seed}: changes the frame's channels"
        )
