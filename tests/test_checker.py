"""The checker passes simkit's own plug-ins and finds what is wrong with broken ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np
import pytest

from randomizers.light import Lighting
from scenes.tabletop import Tabletop
from simkit import registry
from simkit.assets.library import Library
from simkit.checker import Check, check_plugin
from simkit.contracts import Params, Randomizer, SceneFamily
from simkit.distributions import Distribution, Uniform
from simkit.errors import PluginError
from simkit.labels import Annotator, View
from simkit.options import varied
from simkit.render import Frame, Probe, Renderer
from simkit.render.bullet import Bullet
from simkit.scene import Body, Camera, Light, Scene, vec3
from simkit.sensors import Image, Shot
from simkit.sensors.exposure import Exposure
from simkit.sensors.noise import Noise
from simkit.sensors.shutter import Shutter

Checked = Callable[[str, type[Any]], list[Check]]


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> Checked:
    """Return a function that checks a class as if it were registered as 'fake'."""
    real_load, real_names = registry.load, registry.names

    def check(kind: str, plugin: type[Any]) -> list[Check]:
        def load(of: str, name: str) -> Any:
            return plugin if (of, name) == (kind, "fake") else real_load(of, name)

        def names(of: str) -> list[str]:
            return [*real_names(of), "fake"] if of == kind else real_names(of)

        monkeypatch.setattr("simkit.registry.names", names)
        monkeypatch.setattr("simkit.registry.load", load)
        works = Probe(True, "fake")  # another process does not know the fake
        monkeypatch.setattr("simkit.checker.renderers.probe", lambda name: works)
        return check_plugin("fake", kind)

    return check


def failed(checks: list[Check]) -> dict[str, str]:
    """Return the details of the checks that failed, by name; each has one."""
    found = {check.name: check.detail for check in checks if not check.passed}
    assert all(found.values()), found
    return found


OWN = [
    (kind, name)
    for kind in ("scenes", "randomizers", "annotators", "sensors", "renderers")
    for name in registry.names(kind)
    if kind != "renderers" or name == "bullet"
]


@pytest.mark.parametrize(("kind", "name"), OWN)
def test_own_plugins_pass(kind: str, name: str) -> None:
    checks = check_plugin(name, kind)
    if any("no renderer here gives" in detail for detail in failed(checks).values()):
        pytest.skip("no renderer for its channels is registered here")
    assert not failed(checks)
    assert len(checks) >= 9


def test_names_are_looked_up() -> None:
    with pytest.raises(PluginError, match="did you mean 'light'"):
        check_plugin("ligt")
    with pytest.raises(PluginError, match="did you mean 'randomizers'"):
        check_plugin("light", "randomizer")


# --- scenes


class NoFamily:
    pass


class NoDefaults(Tabletop):
    def __init__(self, options: Any, library: Any) -> None:
        raise OSError("needs a file")


class GlobalDraw(Tabletop):
    def sample(self, rng: np.random.Generator) -> Params:
        return {**super().sample(rng), "extra": random.random()}


class NumpyGlobalDraw(Tabletop):
    def build(self, params: Params) -> Scene:
        np.random.rand()  # noqa: NPY002, the fault that is to be found
        return super().build(params)


class Remembers(Tabletop):
    calls = count()

    def sample(self, rng: np.random.Generator) -> Params:
        return {**super().sample(rng), "call": next(self.calls)}


class NumpyParams(Tabletop):
    def sample(self, rng: np.random.Generator) -> Params:
        return {**super().sample(rng), "array": np.zeros(3)}


class KeyedByNumber(Tabletop):
    def sample(self, rng: np.random.Generator) -> Params:
        return {**super().sample(rng), "x": {1: 0.5}}

    def build(self, params: Params) -> Scene:
        scene = super().build(params)
        return replace(scene, ambient=vec3([params["x"].get(1, 0.1)] * 3))


class UnknownModel(Tabletop):
    def build(self, params: Params) -> Scene:
        return Scene(bodies=(Body(name="a", model="no_such_model"),))


class BuildDraws(Tabletop):
    calls = count()

    def build(self, params: Params) -> Scene:
        gravity = (0.0, 0.0, -9.0 - next(self.calls))
        return replace(super().build(params), gravity=gravity)


class UnknownRandomizers(Tabletop):
    randomizers = ("placement", "fogg")


class NoScene(Tabletop):
    def build(self, params: Params) -> Scene:
        return []  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("plugin", "check", "detail"),
    [
        (NoFamily, "loads", "no subclass of simkit.contracts.SceneFamily"),
        (SceneFamily, "can be made", "abstract"),
        (NoDefaults, "can be made", "OSError: needs a file"),
        (GlobalDraw, "no global randomness", "use the rng given"),
        (NumpyGlobalDraw, "no global randomness", "use the rng given"),
        (Remembers, "sample follows", "another object"),
        (NumpyParams, "survive JSON", "ndarray"),
        (KeyedByNumber, "survive JSON", "another scene"),
        (UnknownModel, "known models", "no_such_model"),
        (BuildDraws, "build is deterministic", "two scenes"),
        (UnknownRandomizers, "default randomizers", "fogg"),
        (NoScene, "valid scenes", "a list, not a Scene"),
    ],
)
def test_broken_families(checked: Checked, plugin: type, check: str, detail: str) -> None:
    _assert_found(checked("scenes", plugin), check, detail)


# --- randomizers


class WrongStage(Lighting):
    def __init__(self, options: Any, library: Library) -> None:
        super().__init__(options, library)
        self.stage = "later"


class GlobalLight(Lighting):
    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return {**super().sample(scene, rng), "ambient": random.uniform(0.3, 0.4)}


class CountingLight(Lighting):
    applied = 0

    def apply(self, scene: Scene, params: Params) -> Scene:
        self.applied += 1
        return super().apply(scene, {**params, "intensity": 0.01 * self.applied})


class SetParams(Lighting):
    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return {**super().sample(scene, rng), "which": {1, 2}}


class TooBright(Lighting):
    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return {**super().sample(scene, rng), "intensity": 90.0}


@dataclass
class FogOptions:
    """Nested options, whose support is checked by their dotted name."""

    density: Distribution = varied(Uniform(0.0, 1.0))


class NestedOutside(Randomizer):
    Options = FogOptions

    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return {"layers": [{"density": 0.5}, {"density": 2.0}]}

    def apply(self, scene: Scene, params: Params) -> Scene:
        return scene


class InPlace(Lighting):
    def apply(self, scene: Scene, params: Params) -> Scene:
        object.__setattr__(scene, "ambient", vec3([params["ambient"]] * 3))
        return scene


class EatsParams(Lighting):
    def apply(self, scene: Scene, params: Params) -> Scene:
        try:
            return super().apply(scene, params)
        finally:
            params["used"] = True


class NeedsObjects(Lighting):
    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return {**super().sample(scene, rng), "first": scene.labelled()[0][1].name}


class ReturnsNothing(Lighting):
    def apply(self, scene: Scene, params: Params) -> Scene:
        return None  # type: ignore[return-value]


class AddsUnknown(Lighting):
    def apply(self, scene: Scene, params: Params) -> Scene:
        return scene.with_bodies([*scene.bodies, Body(name="new", model="asteroid")])


@pytest.mark.parametrize(
    ("plugin", "check", "detail"),
    [
        (Tabletop, "loads", "no subclass of simkit.contracts.Randomizer"),
        (WrongStage, "stage", "'later'"),
        (GlobalLight, "no global randomness", "use the rng given"),
        (GlobalLight, "sample follows", "draws something else"),
        (CountingLight, "apply is deterministic", "another scene"),
        (SetParams, "survive JSON", "set"),
        (TooBright, "supports", "intensity is 90.0"),
        (NestedOutside, "supports", "layers.density is 2.0"),
        (InPlace, "stay as they were", "changes the scene"),
        (EatsParams, "stay as they were", "changes its params"),
        (NeedsObjects, "sample follows", "IndexError"),
        (ReturnsNothing, "valid scenes", "NoneType"),
        (AddsUnknown, "known models", "asteroid"),
    ],
)
def test_broken_randomizers(checked: Checked, plugin: type, check: str, detail: str) -> None:
    _assert_found(checked("randomizers", plugin), check, detail)


# --- renderers


class Changed(Bullet):
    """Bullet with one channel changed."""

    def change(self, channels: dict[str, Any], camera: Camera) -> dict[str, Any]:
        raise NotImplementedError

    def draw(self, scene: Scene, camera: Camera, channels: frozenset[str]) -> Frame:
        return Frame(self.change(dict(super().draw(scene, camera, channels).channels), camera))


class RayDistance(Changed):
    def change(self, channels: dict[str, Any], camera: Camera) -> dict[str, Any]:
        rows, columns = np.mgrid[: camera.height, : camera.width]
        K = camera.K
        across = np.hypot((columns - K[0, 2]) / K[0, 0], (rows - K[1, 2]) / K[1, 1])
        if "depth" in channels:
            factor = np.sqrt(1 + across**2).astype(np.float32)
            channels["depth"] = channels["depth"] * factor
        return channels


class ShiftedIds(Changed):
    def change(self, channels: dict[str, Any], camera: Camera) -> dict[str, Any]:
        if "instance" in channels:
            channels["instance"] = np.roll(channels["instance"], 3, axis=1)
        return channels


class DoubleDepth(Changed):
    def change(self, channels: dict[str, Any], camera: Camera) -> dict[str, Any]:
        return {name: array.astype(float) for name, array in channels.items()}


class TooMuch(Changed):
    def change(self, channels: dict[str, Any], camera: Camera) -> dict[str, Any]:
        return {**channels, "extra": np.zeros(1)}


class BytesAsColor(Changed):
    def change(self, channels: dict[str, Any], camera: Camera) -> dict[str, Any]:
        if "rgb" in channels:
            channels["rgb"] = channels["rgb"] * np.float32(255)
        return channels


class Noisy(Changed):
    drawn = 0

    def change(self, channels: dict[str, Any], camera: Camera) -> dict[str, Any]:
        self.drawn += 1
        if "rgb" in channels:
            channels["rgb"] = channels["rgb"] * np.float32(1 - 1e-3 * self.drawn)
        return channels


class BackgroundDepth(Changed):
    def change(self, channels: dict[str, Any], camera: Camera) -> dict[str, Any]:
        if "depth" in channels:
            channels["depth"] = np.where(channels["depth"] == 0, np.float32(50), channels["depth"])
        return channels


class AnyChannel(Bullet):
    def render(self, scene: Scene, camera: Camera, channels: Any) -> Frame:
        return super().render(scene, camera, set(channels) & self.channels)


class UnknownChannels(Bullet):
    channels = frozenset({"rgb", "depth", "instance", "heat"})


class NoRemedy(Bullet):
    remedy = ""


@pytest.mark.parametrize(
    ("plugin", "check", "detail"),
    [
        (Lighting, "loads", "no subclass of simkit.render.Renderer"),
        (Renderer, "can be made", "abstract"),
        (RayDistance, "depth agrees", "is it the z-depth?"),
        (ShiftedIds, "ids agree", "wrong id"),
        (DoubleDepth, "shapes, types", "float64"),
        (TooMuch, "just the channels", "extra"),
        (BytesAsColor, "shapes, types", "outside of [0, 1]"),
        (Noisy, "two renders", "rgb differs"),
        (BackgroundDepth, "nothing is seen", "depths other than 0"),
        (AnyChannel, "refuses unknown", "no RenderError"),
        (UnknownChannels, "channels are ones", "heat"),
        (NoRemedy, "says what it is", "remedy is empty"),
    ],
)
def test_broken_renderers(checked: Checked, plugin: type, check: str, detail: str) -> None:
    _assert_found(checked("renderers", plugin), check, detail)


def test_a_renderer_that_does_not_work_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    crashed = Probe(False, "", "install libgl1", "crashes the interpreter (SIGSEGV)")
    monkeypatch.setattr("simkit.checker.renderers.probe", lambda name: crashed)
    (check,) = check_plugin("bullet")
    assert not check.passed
    assert "(SIGSEGV); remedy: install libgl1" in check.detail


# --- sensors


class LatePhase(Exposure):
    phase = "later"


class HeatChannel(Exposure):
    channels = frozenset({"heat"})


class OddOutput(Exposure):
    outputs: Mapping[str, str] = {"thermal": "heat"}


class TooManyStops(Exposure):
    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return {"stops": 5.0}


class NumpyStops(Exposure):
    def sample(self, scene: Scene, rng: np.random.Generator) -> Params:
        return {"stops": np.float32(0.1)}


class TurnsOnLight(Shutter):
    def mount(self, scene: Scene, params: Params) -> Scene:
        return replace(super().mount(scene, params), lights=(Light(),))


class Shrinks(Shutter):
    def mount(self, scene: Scene, params: Params) -> Scene:
        assert scene.camera is not None
        return replace(scene, camera=replace(scene.camera, width=8))


class Crops(Exposure):
    def process(self, image: Image, params: Params, shot: Shot) -> Image:
        return super().process(image, params, shot)[:, 1:]


class Widens(Exposure):
    def process(self, image: Image, params: Params, shot: Shot) -> Image:
        return super().process(image, params, shot).astype(np.float64)


class Overflows(Exposure):
    def process(self, image: Image, params: Params, shot: Shot) -> Image:
        return image * np.float32(4.0)


class Negative(Exposure):
    def process(self, image: Image, params: Params, shot: Shot) -> Image:
        return image - np.float32(0.5)


class GlobalNoise(Exposure):
    def process(self, image: Image, params: Params, shot: Shot) -> Image:
        return image * np.float32(random.random())


class FrozenNoise(Noise):
    def process(self, image: Image, params: Params, shot: Shot) -> Image:
        shot.noise()
        frozen = np.random.Generator(np.random.PCG64(1))
        return image * frozen.random(image.shape, dtype=np.float32)


class OneEyedNoise(Noise):
    def process(self, image: Image, params: Params, shot: Shot) -> Image:
        return super().process(image, params, replace(shot, eye=0))


class BorrowedNoise(Noise):
    def process(self, image: Image, params: Params, shot: Shot) -> Image:
        return super().process(image, params, replace(shot, name="jpeg"))


class Undeclared(Exposure):
    def measure(self, params: Params, shot: Shot) -> dict[str, Image]:
        return {"extra": np.zeros((2, 2), dtype=np.uint8)}


class WrongDepth(Exposure):
    outputs: Mapping[str, str] = {"range": "depth"}
    channels = frozenset({"depth"})

    def measure(self, params: Params, shot: Shot) -> dict[str, Image]:
        return {"range": -shot.frame.depth}


class InPlaceExposure(Exposure):
    def process(self, image: Image, params: Params, shot: Shot) -> Image:
        image *= np.float32(0.5)
        return image


class CountingExposure(Exposure):
    processed = 0

    def process(self, image: Image, params: Params, shot: Shot) -> Image:
        self.processed += 1
        return image / np.float32(self.processed)


@pytest.mark.parametrize(
    ("plugin", "check", "detail"),
    [
        (Lighting, "loads", "no subclass of simkit.sensors.Sensor"),
        (LatePhase, "phase and stage", "'later'"),
        (HeatChannel, "channels are ones", "heat"),
        (OddOutput, "outputs are of kinds", "'heat'"),
        (TooManyStops, "supports", "stops is 5.0"),
        (NumpyStops, "survive JSON", "float32"),
        (TurnsOnLight, "valid cameras", "more of the scene than its camera"),
        (Shrinks, "valid cameras", "picture's size"),
        (Crops, "shape and type", "(96, 127, 3)"),
        (Widens, "shape and type", "float64"),
        (Overflows, "shape and type", "above full well"),
        (Negative, "shape and type", "below 0"),
        (GlobalNoise, "no global randomness", "use the rng given"),
        (FrozenNoise, "noise is another", "another image has the same noise"),
        (OneEyedNoise, "noise is another", "another eye has the same noise"),
        (BorrowedNoise, "noise is another", "another sensor's noise"),
        (Undeclared, "measures what", "['extra'], and declares []"),
        (WrongDepth, "measures what", "negative"),
        (InPlaceExposure, "stay as they were", "changes the image"),
        (CountingExposure, "are deterministic", "another order"),
    ],
)
def test_broken_sensors(checked: Checked, plugin: type, check: str, detail: str) -> None:
    _assert_found(checked("sensors", plugin), check, detail)


# --- annotators


class Areas(Annotator):
    """Number of visible pixels of each instance."""

    channels = frozenset({"instance"})

    def annotate(self, view: View, labels: Mapping[str, Any]) -> Any:
        return [int(np.count_nonzero(view.frame.instance == i)) for i, _ in view.instances]


class WrongKind(Areas):
    """Its kind is none."""

    kind = "pixel"


class WrongChannel(Areas):
    """Its channel is none."""

    channels = frozenset({"heat"})


class UnknownRequired(Areas):
    """Requires nothing that there is."""

    requires = ("mask_vis",)


class Undocumented(Areas):
    __doc__ = None


class OneShort(Areas):
    """Forgets the last instance."""

    def annotate(self, view: View, labels: Mapping[str, Any]) -> Any:
        return super().annotate(view, labels)[:-1]


class NoJson(Areas):
    """Gives what cannot be stored."""

    def annotate(self, view: View, labels: Mapping[str, Any]) -> Any:
        return [{1, 2} for _ in view.instances]


class NotANumber(Areas):
    """Gives NaN, which JSON has not."""

    kind = "image"

    def annotate(self, view: View, labels: Mapping[str, Any]) -> Any:
        return float("nan")


class ListAsArray(Areas):
    """Says array and gives a list."""

    kind = "array"


class CountsCalls(Areas):
    """Gives another value each time."""

    calls = count()

    def annotate(self, view: View, labels: Mapping[str, Any]) -> Any:
        return [next(self.calls) for _ in view.instances]


class PaintsFrame(Areas):
    """Writes into the frame."""

    def annotate(self, view: View, labels: Mapping[str, Any]) -> Any:
        view.frame.instance[0, 0] += 1
        return [0 for _ in view.instances]


class NeedsInstances(Areas):
    """Breaks on an empty scene."""

    kind = "image"

    def annotate(self, view: View, labels: Mapping[str, Any]) -> Any:
        return max(super().annotate(view, labels))


class UndeclaredLabel(Areas):
    """Reads a label that it does not require."""

    def annotate(self, view: View, labels: Mapping[str, Any]) -> Any:
        return [0 for _ in labels["mask_visib"]]


def test_a_sound_annotator_passes(checked: Checked) -> None:
    assert not failed(checked("annotators", Areas))


@pytest.mark.parametrize(
    ("plugin", "check", "detail"),
    [
        (Lighting, "loads", "no subclass of simkit.labels.Annotator"),
        (WrongKind, "kind is one", "'pixel'"),
        (WrongChannel, "channels are ones", "heat"),
        (UnknownRequired, "requires", "mask_vis"),
        (Undocumented, "docstring", "say what the value is"),
        (OneShort, "as its kind says", "3 values for 4"),
        (NoJson, "as its kind says", "no JSON"),
        (NotANumber, "as its kind says", "no JSON"),
        (ListAsArray, "as its kind says", "not list"),
        (CountsCalls, "deterministic", "two values"),
        (PaintsFrame, "stay as they were", "changes the frame"),
        (NeedsInstances, "rendered scenes", "ValueError"),
        (UndeclaredLabel, "rendered scenes", "KeyError"),
    ],
)
def test_broken_annotators(checked: Checked, plugin: type, check: str, detail: str) -> None:
    _assert_found(checked("annotators", plugin), check, detail)


def _assert_found(checks: list[Check], name: str, detail: str) -> None:
    details = [text for check, text in failed(checks).items() if name in check]
    assert details, f"no failed check has '{name}' in its name: {failed(checks)}"
    assert detail in details[0]
