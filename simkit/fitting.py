"""Setting the ranges of a config by a folder of real photos.

Each target is a statistic of images and a key that moves it. The key is swept over pictures that the
config gives, the statistic's median is taken at each value, and the resulting curve is read backwards
at the values between which the key is to vary: the photos' median, and on each side as much as the
photos spread beyond what the config's images spread already (spreads add as squares). What is fitted
first is in place when the next is swept. The apparent size of objects sets the camera's distance.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from simkit import registry
from simkit.assets.folders import images_in
from simkit.assets.library import Library
from simkit.cameras import project_points
from simkit.config import Config, laid_over, load_config
from simkit.dataset.bop import read_images
from simkit.errors import ConfigError, DatasetError
from simkit.options import build
from simkit.pipeline import Pipeline, Sample
from simkit.randomness import stream
from simkit.scene import Scene
from simkit.sensors import Sensors
from simkit.statistics import Pixels, Statistics, statistics_of

QUANTILES = (0.1, 0.9)
"""Of the real photos: between them a fitted key varies."""

LEAST_VISIBLE = 0.5
"""Objects of which less is visible do not count for their size."""

FEWEST_PHOTOS = 8

SIZE = "object_size"
DISTANCE = "randomizers.camera.distance"


@dataclass(frozen=True)
class Target:
    """A statistic, and the key of a sensor that moves it.

    Attributes:
        statistic: a field of `Statistics`.
        sensor, key: what moves it.
        values: that are tried, in rising order.
        meaning: for people.
    """

    statistic: str
    sensor: str
    key: str
    values: tuple[float, ...]
    meaning: str

    @property
    def path(self) -> str:
        """The key as a config has it."""
        return f"sensors.{self.sensor}.{self.key}"


TARGETS = (
    Target("blur", "motion_blur", "length", (0, 1, 2, 3, 4.5, 6, 8, 12), "blur of edges [px]"),
    Target(
        "warmth", "white_balance", "mired", (-80, -50, -25, 0, 25, 50, 80, 120), "red over blue"
    ),
    Target("tint", "white_balance", "tint", (-0.2, -0.1, -0.05, 0, 0.05, 0.1, 0.2), "green"),
    Target("exposure", "exposure", "stops", (-4, -3, -2, -1, 0, 1, 2, 3, 4), "brightness [stops]"),
    Target("noise", "noise", "gain_db", (-20, -10, 0, 6, 12, 18, 24, 30, 36), "noise [levels]"),
)
"""In the order in which they are fitted."""


@dataclass(frozen=True)
class Found:
    """What was found of one statistic.

    Attributes:
        statistic, key, meaning: see `Target`.
        real: its quantiles over the real photos: `QUANTILES`, the median between them.
        before, after: the same over the config's images, as it was and as it has been fitted.
        fitted: (low, high) of the key; None where the key cannot reach the real values.
        remark: what the reader has to know, or empty.
    """

    statistic: str
    key: str
    meaning: str
    real: tuple[float, float, float]
    before: tuple[float, float, float]
    after: tuple[float, float, float]
    fitted: tuple[float, float] | None
    remark: str = ""


@dataclass(frozen=True)
class Fit:
    """The outcome: ranges by key, nested as a config has them, and what each statistic was."""

    config: dict[str, Any]
    found: tuple[Found, ...]
    photos: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    def yaml(self, start: Mapping[str, Any]) -> str:
        """Return a config, YAML: `start` with the fitted ranges, and what they come from."""
        lines = [
            f"# Ranges fitted to {self.photos} photos (10 % to 90 %), by simkit fit-randomization."
        ]
        for one in self.found:
            real = " ".join(f"{value:.3g}" for value in one.real)
            lines.append(f"# {one.key}: {one.meaning}: 10 %, median, 90 % of the photos {real}")
        return (
            "\n".join(lines) + "\n" + yaml.safe_dump(laid_over(start, self.config), sort_keys=False)
        )


@dataclass(frozen=True)
class Photos:
    """Real photos: their statistics, and the sizes of their objects.

    Attributes:
        statistics: one a photo.
        sizes: square root of a box's share of its picture, one an object.
    """

    statistics: list[Statistics]
    sizes: list[float]


def fit_randomization(
    config: str | Path | Mapping[str, Any] | Config | None,
    real: str | Path,
    overrides: Iterable[str] = (),
    n: int = 16,
    limit: int = 100,
    progress: Callable[[str], None] = lambda text: None,
) -> Fit:
    """Return ranges of a config's sensors and camera that give images like the real ones.

    Args:
        config, overrides: see `load_config`; its own ``exposure``, ``noise``, ``white_balance`` and
            ``motion_blur`` are left out of what is compared.
        real: a folder of photos; with boxes if it (or its parent) has a COCO ``annotations.json``,
            or is a BOP scene, split or data set.
        n: images of the config that are measured.
        limit: photos that are read, evenly spread over the folder.
        progress: is told what is being done.

    Raises:
        ConfigError, DatasetError: before anything is rendered.
    """
    plain = _without_targets(load_config(config, overrides))
    fitted: dict[str, tuple[float, float]] = {}
    with Pipeline(plain) as pipeline:
        progress(f"reading photos of {real}")
        photos = read_photos(real, _pixels_of(plain), limit)
        progress(f"rendering {n} images of the config")
        samples = [pipeline(index) for index in range(n)]
        before = [statistics_of(sample.picture) for sample in samples]
        for target in TARGETS:
            progress(f"fitting {target.path}")
            wanted = _wanted(
                [getattr(one, target.statistic) for one in photos.statistics],
                [getattr(one, target.statistic) for one in before],
            )
            curve = [
                _median(pipeline, samples, _middles(fitted) | {target.path: value},
                        target.statistic)
                for value in target.values
            ]  # fmt: skip
            reached = _read_backwards(curve, target.values, wanted)
            if reached is not None:
                fitted[target.path] = reached
        sizes = [size for sample in samples for size in _sizes(sample)]
        distance = _fit_distance(pipeline, samples, photos.sizes, sizes)
    if distance is not None:
        fitted[DISTANCE] = distance
    result = _nested(fitted)
    progress("checking what the fitted config gives")
    after, sizes_after = _check(plain, result, n)
    found = [
        _found(target, photos.statistics, before, after, fitted.get(target.path))
        for target in TARGETS
    ]
    if photos.sizes and sizes:
        remark = "" if distance else "no camera distance to set: randomizers.camera is not in use"
        found.append(
            Found(SIZE, DISTANCE, "square root of a box's share of the picture",
                  _quantiles(photos.sizes), _quantiles(sizes), _quantiles(sizes_after or sizes),
                  distance, remark)
        )  # fmt: skip
    return Fit(result, tuple(found), len(photos.statistics))


def read_photos(folder: str | Path, pixels: int, limit: int = 100) -> Photos:
    """Return what is to be seen of a folder of photos.

    Args:
        folder: see `fit_randomization`.
        pixels: a photo with more of them is made as small; noise and blur depend on it.
        limit: photos that are read.

    Raises:
        DatasetError: there are fewer than `FEWEST_PHOTOS`, or one cannot be read.
    """
    root = Path(folder)
    files, sizes = _files_and_sizes(root)
    if len(files) < FEWEST_PHOTOS:
        raise DatasetError(
            f"{root}: has {len(files)} photos; quantiles need at least {FEWEST_PHOTOS}"
        )
    chosen = [files[i] for i in np.unique(np.linspace(0, len(files) - 1, limit).astype(int))]
    return Photos([statistics_of(_photo(path, pixels)) for path in chosen], sizes)


def _files_and_sizes(root: Path) -> tuple[list[Path], list[float]]:
    if root.is_dir() and next(root.rglob("scene_gt.json"), None) is not None:
        images = read_images(root)
        shares = [
            _share(info["bbox_visib"], *image.size())
            for image in images
            for info in image.gt_info or ()
            if info["visib_fract"] >= LEAST_VISIBLE
        ]
        return [image.path for image in images], shares
    files = [Path(path) for path in images_in(str(root))]
    for boxes in (root / "annotations.json", root.parent / "annotations.json"):
        if boxes.is_file():
            return files, _coco_sizes(boxes)
    return files, []


def _coco_sizes(path: Path) -> list[float]:
    try:
        data = json.loads(path.read_text())
        pictures = {one["id"]: (one["width"], one["height"]) for one in data["images"]}
        return [_share(one["bbox"], *pictures[one["image_id"]]) for one in data["annotations"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path}: cannot be read as COCO annotations: {error!r}") from None


def _share(box: Iterable[float], width: int, height: int) -> float:
    _, _, w, h = box
    return float(np.sqrt(max(w, 0) * max(h, 0) / (width * height)))


def _photo(path: Path, pixels: int) -> Pixels:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise DatasetError(f"{path}: cannot be read as an image; remove it, or export it as JPEG")
    factor = float(np.sqrt(pixels / (image.shape[0] * image.shape[1])))
    if factor < 1:
        size = round(image.shape[1] * factor), round(image.shape[0] * factor)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image[..., ::-1], dtype=np.uint8)


def _without_targets(config: Config) -> Config:
    data = config.to_dict()
    for target in TARGETS:
        data["sensors"].pop(target.sensor, None)
    data["labels"] = ["bbox_visib", "visib_fract"]
    return load_config(data)


def _pixels_of(config: Config) -> int:
    for options in config.randomizers.values():
        names = {key.name for key in fields(options)}
        if {"width", "height"} <= names:
            return int(options.width * options.height)
    raise ConfigError("randomizers: none of them says how large the images are")


def _median(
    pipeline: Pipeline, samples: list[Sample], keys: Mapping[str, float], statistic: str
) -> float:
    """Return a statistic's median over pictures anew developed with sensors at these values."""
    options: dict[str, dict[str, Any]] = {}
    for path, value in keys.items():
        _, sensor, key = path.split(".")
        options.setdefault(sensor, {})[key] = value
    values = []
    for sample in samples:
        picture = _developed(pipeline, sample, options)
        values.append(getattr(statistics_of(picture), statistic))
    return float(np.median(values))


def _developed(
    pipeline: Pipeline, sample: Sample, options: Mapping[str, Mapping[str, Any]]
) -> NDArray[np.uint8]:
    made = {
        name: registry.load("sensors", name)(one, pipeline.library)
        for name, one in pipeline.config.sensors.items()
    }
    params = {name: sample.params[name] for name in made}
    for name, values in options.items():
        plugin = registry.load("sensors", name)
        made[name] = plugin(build(plugin.Options, dict(values)), pipeline.library)
        params[name] = made[name].sample(sample.scene, stream(0, sample.index, f"fit/{name}"))
    picture, _ = Sensors(made).expose(
        sample.scene, sample.frame, params, pipeline.library, pipeline.renderer.render,
        lambda name, eye: stream(0, sample.index, f"fit/noise/{name}/{eye}"),
    )  # fmt: skip
    return np.asarray(picture, dtype=np.uint8)


def _read_backwards(
    curve: list[float], values: tuple[float, ...], wanted: tuple[float, float]
) -> tuple[float, float] | None:
    """Return the values at which a curve reaches the two that are wanted; None if it does neither."""
    rising = np.maximum.accumulate(curve)
    steps = rising + np.arange(len(rising)) * 1e-9
    low, high = wanted
    if high < steps[0] or low > steps[-1]:
        return None
    first, last = np.interp([low, high], steps, values)
    return round(float(first), 4), round(float(last), 4)


def _wanted(real: list[float], ours: list[float]) -> tuple[float, float]:
    """Return what the statistic of a middling image should be at the ends of the key's range."""
    (low, middle, high), (our_low, our_middle, our_high) = _quantiles(real), _quantiles(ours)
    below = max((middle - low) ** 2 - (our_middle - our_low) ** 2, 0.0) ** 0.5
    above = max((high - middle) ** 2 - (our_high - our_middle) ** 2, 0.0) ** 0.5
    return middle - below, middle + above


def _fit_distance(
    pipeline: Pipeline, samples: list[Sample], real: list[float], ours: list[float]
) -> tuple[float, float] | None:
    """Return the camera distances at which projected objects are as large as the real ones."""
    placed = [sample for sample in samples if "distance" in sample.params.get("camera", {})]
    if not real or not ours or not placed:
        return None
    randomizer = registry.load("randomizers", "camera")(
        pipeline.config.randomizers["camera"], pipeline.library
    )
    drawn = [sample.params["camera"]["distance"] for sample in placed]
    values = np.geomspace(min(drawn) / 8, max(drawn) * 8, 33)
    curve = []
    for value in values:
        sizes: list[float] = []
        for sample in placed:
            params = {**sample.params["camera"], "distance": float(value)}
            sizes += _projected(randomizer.apply(sample.scene, params), pipeline.library)
        curve.append(float(np.median(sizes)) if sizes else 1.0)
    first = int(np.argmax(curve))  # nearer than that, objects leave the picture
    falling = np.minimum.accumulate(curve[first:])
    wanted = np.log(np.maximum(_wanted(list(real), ours), 1e-3))
    found = np.exp(np.interp(-wanted, -np.log(falling), np.log(values[first:])))
    return round(float(found[1]), 4), round(float(found[0]), 4)


def _projected(scene: Scene, library: Library) -> list[float]:
    """Return the sizes of the labelled bodies' projections, as far as they lie in the picture."""
    camera = scene.camera
    assert camera is not None
    sizes = []
    for _, body in scene.labelled():
        vertices = library[body.model].mesh.vertices
        some = vertices[:: max(1, len(vertices) // 200)] * np.array(body.scale)
        T = camera.T_camera_world @ body.T_world_body
        pixels = project_points(camera, some @ T[:3, :3].T + T[:3, 3])
        pixels = pixels[np.isfinite(pixels).all(axis=1)]
        if len(pixels) < 3:
            continue
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        edge = np.array([camera.width, camera.height])
        inside = np.clip(high, 0, edge) - np.clip(low, 0, edge)
        if np.prod(inside) >= LEAST_VISIBLE * np.prod(high - low):
            sizes.append(_share([0, 0, *inside], camera.width, camera.height))
    return sizes


def _sizes(sample: Sample) -> list[float]:
    camera = sample.camera
    pairs = zip(sample.labels["bbox_visib"], sample.labels["visib_fract"], strict=True)
    return [
        _share(box, camera.width, camera.height)
        for box, seen in pairs
        if box is not None and seen["visib_fract"] >= LEAST_VISIBLE
    ]


def _check(plain: Config, fitted: dict[str, Any], n: int) -> tuple[list[Statistics], list[float]]:
    """Return statistics and object sizes of the fitted config, over images that nothing was fitted to."""
    with Pipeline(laid_over(plain.to_dict(), fitted)) as pipeline:
        samples = [pipeline(index) for index in range(n, 2 * n)]
    sizes = [size for sample in samples for size in _sizes(sample)]
    return [statistics_of(sample.picture) for sample in samples], sizes


def _found(
    target: Target,
    real: list[Statistics],
    before: list[Statistics],
    after: list[Statistics],
    fitted: tuple[float, float] | None,
) -> Found:
    columns = [
        _quantiles([getattr(one, target.statistic) for one in several])
        for several in (real, before, after)
    ]
    remark = ""
    if fitted is None:
        remark = f"{target.path} does not reach the photos' values; left out"
    elif fitted[0] in target.values[:1] or fitted[1] in target.values[-1:]:
        remark = "at the end of what was tried"
    return Found(target.statistic, target.path, target.meaning, columns[0], columns[1], columns[2],
                 fitted, remark)  # fmt: skip


def _quantiles(values: Iterable[float]) -> tuple[float, float, float]:
    low, high = QUANTILES
    found = np.quantile(list(values), [low, 0.5, high])
    return float(found[0]), float(found[1]), float(found[2])


def _middles(fitted: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    return {path: (low + high) / 2 for path, (low, high) in fitted.items()}


def _nested(fitted: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for path, support in fitted.items():
        kind, name, key = path.split(".")
        result.setdefault(kind, {}).setdefault(name, {})[key] = list(support)
    return result
