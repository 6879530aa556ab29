"""A reality check: are new images like those that a model was accepted on?

The rate of false alarms is stated.

Accepted images are cut in two by chance. One half says what is usual: mean and principal directions of
the model's features. The other half calibrates: none of it was looked at before, so that under no
drift new images and calibration images can change places, and every p-value here is exact in finite
samples (split conformal prediction, Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World,
2005; permutation tests). The rate is that of one check, on average over accepted sets; accepted images
must have been taken as new ones are, without bursts of near copies.

* An image: its distance from what is usual, and its confidence, each ranked among the calibration's.
* A batch: the maximum mean discrepancy of features (Gretton et al., JMLR 13, 2012) by permutation, and
  the Kolmogorov-Smirnov test of confidences.

Two tests at half the level each (Bonferroni) keep the rate below the level.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.errors import ConfigError, DatasetError
from simkit.evaluate.storing import decoded, encoded
from simkit.metrics.two_sample import kolmogorov_smirnov, memberships
from simkit.randomness import stream

Float = NDArray[np.float64]

MOST_DIRECTIONS = 32
IMAGES_A_DIRECTION = 5
"""A principal direction is kept for so many images of the reference half."""

PERMUTATIONS = 999

SHIFTED = 1.0
"""A plain statistic is named as changed when its median moved by so much of the accepted spread."""


@dataclass(frozen=True, eq=False)
class Monitor:
    """What new images are held against.

    Attributes:
        model: what gave features and confidence, as the user named it.
        false_alarm_rate: of a check.
        accepted: images it was fitted on.
        seed: of the cut in two and of the permutations.
        mean: (d,) of the reference half's features.
        directions: (d, k) principal directions, each divided by its standard deviation.
        residual: mean and standard deviation of the length of what the directions leave.
        points: (m, k + 1) whitened features of the calibration half.
        confidence: (m,) of the calibration half, or None.
        usual: median and spread (half the distance between the 16th and 84th percentile) of plain
            statistics of all accepted images, by name.
    """

    model: str
    false_alarm_rate: float
    accepted: int
    seed: int
    mean: Float
    directions: Float
    residual: tuple[float, float]
    points: Float
    confidence: Float | None
    usual: dict[str, list[float]]

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(encoded(self)) + "\n")

    @staticmethod
    def read(path: Path) -> Monitor:
        """Return what `write` wrote.

        Raises:
            DatasetError: there is none, or it is damaged.
        """
        try:
            found = decoded(json.loads(path.read_text()))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DatasetError(f"{path}: is no monitor: {error}; run simkit monitor fit") from None
        if not isinstance(found, Monitor):
            raise DatasetError(f"{path}: is no monitor; run simkit monitor fit")
        return found


@dataclass(frozen=True)
class Check:
    """What a check found.

    Attributes:
        alarm: whether the batch as a whole differs; false in all but `false_alarm_rate` of checks
            without drift.
        p: of the batch; `p_features` and `p_confidence` before they were combined.
        images: p-value of each image.
        strange: places of the images that are unusual by themselves, strangest first; without drift
            a share of `false_alarm_rate` of all.
        changed: plain statistics whose median moved: accepted, new, and by how many spreads.
        text: all of it in words.
    """

    alarm: bool
    false_alarm_rate: float
    p: float
    p_features: float
    p_confidence: float | None
    images: list[float]
    strange: list[int]
    changed: dict[str, list[float]]
    text: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def least_images(false_alarm_rate: float) -> int:
    """Return how many images must have been accepted for an image to be able to raise an alarm."""
    return 2 * math.ceil(2 / false_alarm_rate)


def fit_monitor(
    model: str,
    features: Float,
    confidence: Float | None = None,
    statistics: Mapping[str, Sequence[float]] | None = None,
    false_alarm_rate: float = 0.05,
    seed: int = 0,
) -> Monitor:
    """Return a monitor of accepted images.

    Args:
        model: its name.
        features: (n, d) of the accepted images.
        confidence: (n,), if the model gives one.
        statistics: plain statistics of the images by name, (n,) each.
        false_alarm_rate: of a check, from 0 to 0.5.
        seed: of the cut in two.

    Raises:
        ConfigError: the rate is out of range, or the images are too few for it.
    """
    if not 0 < false_alarm_rate <= 0.5:
        raise ConfigError(f"false_alarm_rate: {false_alarm_rate} is not between 0 and 0.5")
    features = _finite(features)
    n, needed = len(features), least_images(false_alarm_rate)
    if n < needed:
        raise ConfigError(
            f"accepted: {n} images are too few for a false-alarm rate of {false_alarm_rate:g}; give at "
            f"least {needed}, or a higher rate"
        )
    order = stream(seed, 0, "monitor.halves").permutation(n)
    reference, calibration = np.sort(order[: n // 2]), np.sort(order[n // 2 :])
    mean, directions = _directions(features[reference])
    residuals = _residuals(features[reference], mean, directions)
    residual = (float(residuals.mean()), max(float(residuals.std()), 1e-12))
    usual = {name: _usual(np.asarray(one, float)) for name, one in (statistics or {}).items()}
    points = _points(features[calibration], mean, directions, residual)
    trusted = None if confidence is None else _finite(confidence)[calibration]
    return Monitor(
        model, false_alarm_rate, n, seed, mean, directions, residual, points, trusted, usual
    )


def check_images(
    monitor: Monitor,
    features: Float,
    confidence: Float | None = None,
    statistics: Mapping[str, Sequence[float]] | None = None,
) -> Check:
    """Return whether new images are like the accepted ones.

    Args:
        features: (n, d) of the new images, from the same model.
        confidence: (n,); needed if the monitor was fitted with it.
        statistics: as in `fit_monitor`.

    Raises:
        ConfigError: there is no image, or features or confidence are not those of the same model.
    """
    features = _finite(features)
    if features.ndim != 2 or not len(features) or features.shape[1] != len(monitor.mean):
        raise ConfigError(
            f"features: {features.shape} are not those of {monitor.model}, (n, {len(monitor.mean)})"
        )
    if (confidence is None) != (monitor.confidence is None):
        raise ConfigError(f"confidence: give it if and only if {monitor.model} was fitted with it")
    points = _points(features, monitor.mean, monitor.directions, monitor.residual)
    known = monitor.confidence
    each = [_rank(-_distance(monitor.points), -_distance(points))]
    rng = stream(monitor.seed, len(points), "monitor.permutations")
    p_features = _discrepancy_p(monitor.points, points, rng)
    p_confidence = None
    if known is not None and confidence is not None:
        new = _finite(confidence)
        each.append(_rank(known, new))
        p_confidence = kolmogorov_smirnov(known, new).p
    batch = [p_features] if p_confidence is None else [p_features, p_confidence]
    p = min(1.0, len(batch) * min(batch))
    images = np.minimum(1.0, len(each) * np.min(each, axis=0))
    strange = [int(one) for one in np.argsort(images, kind="stable")]
    strange = [one for one in strange if images[one] <= monitor.false_alarm_rate]
    changed = _changed(monitor.usual, statistics or {})
    alarm = p <= monitor.false_alarm_rate
    text = _said(monitor, alarm, p, strange, len(points), changed)
    return Check(
        alarm,
        monitor.false_alarm_rate,
        p,
        p_features,
        p_confidence,
        images.tolist(),
        strange,
        changed,
        text,
    )


def _directions(features: Float) -> tuple[Float, Float]:
    mean = features.mean(axis=0)
    centred = features - mean
    _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    spreads = lengths / math.sqrt(len(features) - 1)
    count = max(1, min(MOST_DIRECTIONS, len(features) // IMAGES_A_DIRECTION))
    kept = np.flatnonzero(spreads[:count] > 1e-6 * max(spreads[0], 1e-12))
    return mean, directions[kept].T / np.maximum(spreads[kept], 1e-12)


def _residuals(features: Float, mean: Float, directions: Float) -> Float:
    """Return how far features are from the plane of the directions, in the features' own unit."""
    unit = directions / np.maximum(np.linalg.norm(directions, axis=0), 1e-12)
    centred = features - mean
    return np.asarray(np.linalg.norm(centred - (centred @ unit) @ unit.T, axis=1))


def _points(
    features: Float, mean: Float, directions: Float, residual: tuple[float, float]
) -> Float:
    off = (_residuals(features, mean, directions) - residual[0]) / residual[1]
    return np.column_stack([(features - mean) @ directions, off])


def _distance(points: Float) -> Float:
    """Return the Mahalanobis distance, with the residual as one more direction."""
    return np.asarray(np.sqrt((points**2).sum(axis=1)))


def _rank(known: Float, new: Float) -> Float:
    """Return conformal p-values: small where a new value is below nearly all known ones."""
    below = (known[None, :] <= new[:, None]).sum(axis=1)
    return np.asarray((1 + below) / (len(known) + 1))


def _discrepancy_p(known: Float, new: Float, rng: np.random.Generator) -> float:
    both = np.concatenate([known, new])
    squared = ((both**2).sum(axis=1)[:, None] + (both**2).sum(axis=1)) - 2 * both @ both.T
    squared = np.maximum(squared, 0.0)
    away = squared[np.triu_indices(len(both), 1)]
    kernel = np.exp(-squared / max(float(np.median(away)), 1e-12))
    np.fill_diagonal(kernel, 0.0)
    permuted = memberships(len(new), len(known), PERMUTATIONS, rng)
    whole = np.arange(len(both)) >= len(known)
    values = _discrepancy(kernel, np.concatenate([whole[None], permuted]).astype(float))
    return float(np.mean(values >= values[0] - 1e-12))


def _discrepancy(kernel: Float, rows: Float) -> Float:
    """Return the unbiased squared MMD of each row of labels (0: known, 1: new)."""
    new, known = rows.sum(axis=1), (1 - rows).sum(axis=1)
    inside = np.einsum("pi,pi->p", rows @ kernel, rows)
    across = np.einsum("pi,pi->p", rows @ kernel, 1 - rows)
    outside = kernel.sum() - inside - 2 * across
    of_new = inside / np.maximum(new * (new - 1), 1)
    of_known = outside / np.maximum(known * (known - 1), 1)
    return np.asarray(of_new + of_known - 2 * across / (new * known))


def _usual(values: Float) -> list[float]:
    low, middle, high = np.quantile(values, (0.16, 0.5, 0.84))
    return [float(middle), float(max((high - low) / 2, 1e-9))]


def _changed(
    usual: Mapping[str, Sequence[float]], statistics: Mapping[str, Sequence[float]]
) -> dict[str, list[float]]:
    found = {}
    for name, (middle, spread) in usual.items():
        if name in statistics:
            new = float(np.median(np.asarray(statistics[name], float)))
            if abs(new - middle) >= SHIFTED * spread:
                found[name] = [middle, new, (new - middle) / spread]
    return dict(sorted(found.items(), key=lambda item: -abs(item[1][2])))


def _said(
    monitor: Monitor,
    alarm: bool,
    p: float,
    strange: Sequence[int],
    n: int,
    changed: Mapping[str, Sequence[float]],
) -> str:
    rate = f"{100 * monitor.false_alarm_rate:g} %"
    if alarm:
        text = f"ALARM: these {n} images are not like those that were accepted (p = {p:.2g})"
    else:
        text = f"no alarm: these {n} images may be like those that were accepted (p = {p:.2g})"
    text += f"; without drift, {rate} of such checks raise an alarm. "
    text += f"{len(strange)} images are unusual by themselves, where {monitor.false_alarm_rate * n:.1f} "
    text += "would be by chance."
    if alarm and changed:
        moved = [f"{name} {old:.3g} to {new:.3g}" for name, (old, new, _) in changed.items()]
        text += f" What changed: {', '.join(moved)}."
    return text


def _finite(values: Any) -> Float:
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise ConfigError("features or confidence: some are no finite numbers")
    return array
