"""What a gap score is made of: appearance of objects and places, and statistics of labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simkit.evaluate.observing import OF_LABELS, STATISTICS, Observations
from simkit.features.contract import Image
from simkit.features.streaming import SMALLEST
from simkit.metrics.coverage import precision_recall
from simkit.metrics.kernels import median_distance, mmd
from simkit.metrics.two_sample import standardized_distance, total_variation
from simkit.tasks.examples import Example

Features = NDArray[np.float32]

TRIES = 8
"""Places that are tried for each crop without an object."""

FEWEST = 12
"""Crops of a class that each side must have for the class to be compared."""

NEAREST = 5
"""Neighbours of `precision_recall`."""

RIDGE = 0.1
"""Of the probe: what is added to the diagonal of the mean-normalised kernel."""

FOLDS = 5
"""Of the probe on real crops."""

MOST_EFFECT = 3.0
"""Spreads beyond which a statistic that is off is no worse."""


@dataclass(frozen=True, eq=False)
class Crops:
    """Features of what a detector has to tell apart.

    Attributes:
        objects: (N, d) of object crops.
        labels: (N,) int64.
        backgrounds: (M, d) of crops that hold no object.
        images: (N + M,) int64, which image each is of, objects first.
    """

    objects: Features
    labels: NDArray[np.int64]
    backgrounds: Features
    images: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Sample:
    """What a gap score is taken of: N images of one set.

    Attributes:
        crops: of objects and backgrounds; `Crops.images` are places in the two others.
        features: (N, d) of whole images.
        observations: plain numbers of each.
    """

    crops: Crops
    features: Features
    observations: Observations

    def rows(self, places: NDArray[np.int64]) -> Sample:
        """Return some of the images with all their crops; they keep their numbers in `Crops.images`."""
        kept = np.isin(self.crops.images, places)
        objects = kept[: len(self.crops.objects)]
        crops = Crops(
            self.crops.objects[objects],
            self.crops.labels[objects],
            self.crops.backgrounds[kept[len(objects) :]],
            self.crops.images[kept],
        )
        return Sample(crops, self.features[places], self.observations.subset(places))


def gap_parts(real: Sample, synthetic: Sample) -> dict[str, float]:
    """Return the parts of a gap score by name, each 0 where the sets do not differ.

    ``crops``, ``class crops`` (mean over classes), ``backgrounds`` and ``context`` (whole images) are
    the square root of MMD^2 with a Gaussian kernel, each of the real set's median distance;
    ``uncovered`` is the share of real crops that no synthetic one is near to; ``probe`` what a linear
    classifier of crops loses that was trained on synthetic instead of real ones; ``labels`` and
    ``pixels`` the mean effect over statistics of labels and of images; ``classes`` the total variation
    of the class balance.

    Raises:
        MetricError: a side has no more than `NEAREST` object crops.
    """
    crops = real.crops, synthetic.crops
    observations = real.observations, synthetic.observations
    objects = crops[0].objects, crops[1].objects
    return {
        "probe": probe_loss(*crops),
        "crops": _discrepancy(*objects),
        "class crops": _by_class(*crops),
        "uncovered": 1 - precision_recall(*objects, NEAREST).coverage,
        "backgrounds": _discrepancy(*(one.backgrounds for one in crops)),
        "context": _discrepancy(real.features, synthetic.features),
        "labels": _mean_effect(*observations, of_labels=True),
        "pixels": _mean_effect(*observations, of_labels=False),
        "classes": total_variation(*(one.counts.sum(axis=0) for one in observations)),
    }


def probe_loss(real: Crops, synthetic: Crops) -> float:
    """Return how much accuracy on real crops a linear probe loses by synthetic training, 0 to 1.

    The probe (ridge regression on one-hot classes, features centred and scaled by their training set)
    tells the classes and the background apart; the mean over classes of its accuracy counts. The real
    one is cross-fitted over images.
    """
    tests, truth = _stacked(real)
    trains, taught = _stacked(synthetic)
    transferred = _balanced_accuracy(_probe(trains, taught, tests), truth)
    folds = real.images % FOLDS
    own = np.zeros(len(truth), np.int64)
    for fold in range(FOLDS):
        held = folds == fold
        own[held] = _probe(tests[~held], truth[~held], tests[held])
    return float(max(_balanced_accuracy(own, truth) - transferred, 0.0))


def background_crops(example: Example, rng: np.random.Generator) -> list[Image]:
    """Return as many crops without an object as there are objects, of their sizes, if there is room.

    Args:
        example: a labelled image; crops keep clear of all its boxes.
        rng: chooses places.
    """
    height, width = example.image.shape[:2]
    x, y, w, h = example.boxes.T.reshape(4, -1)
    crops = []
    for _, _, side_x, side_y in example.boxes.tolist():
        across, down = (
            round(min(side, most)) for side, most in ((side_x, width), (side_y, height))
        )
        if min(across, down) < SMALLEST:
            continue
        for u, v in rng.random((TRIES, 2)):
            left, top = int(u * (width - across)), int(v * (height - down))
            apart = (x >= left + across) | (x + w <= left) | (y >= top + down) | (y + h <= top)
            if apart.all():
                crops.append(example.image[top : top + down, left : left + across])
                break
    return crops


def _discrepancy(real: Features, synthetic: Features) -> float:
    """Return sqrt(max(MMD^2, 0)) with a Gaussian kernel as wide as the real set's median distance.

    0 where there are too few to tell.
    """
    if min(len(real), len(synthetic)) < FEWEST:
        return 0.0
    width = median_distance(real, real)
    return float(np.sqrt(max(mmd(real, synthetic, width), 0.0)))


def _by_class(real: Crops, synthetic: Crops) -> float:
    """Return the mean discrepancy over classes; that of all crops where no class has enough."""
    found = []
    for label in np.unique(real.labels):
        sides = [one.objects[one.labels == label] for one in (real, synthetic)]
        if min(len(one) for one in sides) >= FEWEST:
            found.append(_discrepancy(*sides))
    return float(np.mean(found)) if found else _discrepancy(real.objects, synthetic.objects)


def _mean_effect(real: Observations, synthetic: Observations, *, of_labels: bool) -> float:
    effects = []
    for name, about in STATISTICS.items():
        if (name in OF_LABELS) != of_labels or about.kind == "resolution":
            continue
        a, b = (one.statistics[name] for one in (real, synthetic))
        a, b = a[np.isfinite(a)], b[np.isfinite(b)]
        if min(len(a), len(b)) >= FEWEST:
            effects.append(min(standardized_distance(a, b, about.grain), MOST_EFFECT))
    return float(np.mean(effects)) if effects else 0.0


def _stacked(crops: Crops) -> tuple[Features, NDArray[np.int64]]:
    """Return features and labels, the backgrounds' being 0."""
    nothing = np.zeros(len(crops.backgrounds), np.int64)
    return (
        np.concatenate([crops.objects, crops.backgrounds]),
        np.concatenate([crops.labels + 1, nothing]),
    )


def _probe(train: Features, labels: NDArray[np.int64], test: Features) -> NDArray[np.int64]:
    """Return the predicted labels of `test`: kernel ridge regression, classes weighted alike."""
    mean, scale = train.mean(axis=0), train.std(axis=0) + 1e-6
    x, z = ((side.astype(np.float64) - mean) / scale for side in (train, test))
    classes, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weights = 1 / (counts[places] * len(classes)) * len(labels)
    targets = np.where(np.arange(len(classes)) == places[:, None], 1.0, -1.0)
    kernel = x @ x.T
    ridge = RIDGE * np.trace(kernel) / len(kernel)
    solved = np.linalg.solve(kernel + np.diag(ridge / weights), targets)
    return np.asarray(classes[(z @ (x.T @ solved)).argmax(axis=1)])


def _balanced_accuracy(predicted: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    classes = np.unique(truth)
    return float(np.mean([(predicted[truth == one] == one).mean() for one in classes]))
