"""Classifier two-sample test and proxy A-distance: can a classifier tell the sets apart?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.linalg
from scipy.stats import rankdata

from simkit.errors import MetricError
from simkit.metrics.checking import Float, check_pair
from simkit.metrics.products import Rows

Classifier = Literal["mixed", "linear"]

FOLDS = 5
BINS = 10
"""Of a feature's ranks, in `_binned`."""

RIDGE = 0.1
"""Of the kernel's mean variance. The accuracies on digits and photos hardly move from 0.001 to 1."""

MOST = 1000
"""Images of each set that are looked at: the kernel of 2,000 takes 32 MB."""


@dataclass(frozen=True)
class TwoSampleTest:
    """How well a classifier tells two sets apart.

    Attributes:
        accuracy: cross-fitted; 0.5 is what guessing gives.
        p: of the permutation test: probability of such an accuracy, or higher, for sets that are alike.
        n: images of each set that were used.
        permutations: labellings that the accuracy was held against.
    """

    accuracy: float
    p: float
    n: int
    permutations: int


def classifier_two_sample_test(
    real: Any,
    synthetic: Any,
    *,
    rng: np.random.Generator,
    permutations: int = 999,
    classifier: Classifier = "mixed",
    most: int = MOST,
) -> TwoSampleTest:
    """Return the classifier two-sample test, C2ST (Lopez-Paz and Oquab 2017).

    The classifier is kernel ridge regression to the labels +1 and -1, cross-fitted in five folds. Its
    kernel (`mixed`) is the mean of three: linear in the standardized features, Gaussian in them, and
    the share of features that fall in the same tenth of their ranks, which sees any difference of a
    single feature's distribution. None of them looks at labels, so that one factorization a fold serves
    all permutations, and the classifier is fitted anew to each. Images are paired, one of each set, and
    a permutation swaps labels within pairs: folds stay balanced, the null accuracy is 0.5, and
    ``p = (1 + #{accuracy >= ours}) / (1 + permutations)`` is at most alpha with a probability of at
    most alpha.

    Args:
        real: (N, d).
        synthetic: (M, d); of the larger set a random subset is taken.
        rng: draws subsets, pairs and permutations.
        permutations: 0 for none; p is 1 then.
        classifier: ``mixed`` or ``linear``.
        most: images of each set.

    Raises:
        MetricError: see `check_pair`; a set has fewer than 5 rows, or there is no such classifier.
    """
    x, y = check_pair(real, synthetic, rows=FOLDS)
    n = min(len(x), len(y), most)
    rows = np.concatenate([rng.permutation(len(x))[:n], len(x) + rng.permutation(len(y))[:n]])
    kernel = label_free_kernel(np.concatenate([x, y])[rows], classifier)
    swaps = rng.choice(np.array([-1.0, 1.0]), size=(n, permutations))
    signs = np.concatenate([np.ones((n, 1)), swaps], axis=1)
    accuracies = cross_fitted_accuracy(kernel, signs, np.arange(n) % FOLDS)
    # Not by a hair of rounding: accuracies are multiples of 1 / (4 n).
    reached = int(np.sum(accuracies[1:] > accuracies[0] - 1e-9))
    return TwoSampleTest(float(accuracies[0]), (1 + reached) / (1 + permutations), n, permutations)


def proxy_a_distance(error: float) -> float:
    """Return ``2 (1 - 2 error)`` of a domain classifier's error (Ben-David et al. 2007, section 4).

    0 where it guesses, 2 where it is always right.

    Raises:
        MetricError: the error is not within 0 to 1.
    """
    if not 0 <= error <= 1:
        raise MetricError(f"error: {error} is no rate; give 0 to 1")
    return 2 * (1 - 2 * error)


def label_free_kernel(rows: Float, classifier: Classifier = "mixed") -> Float:
    """Return the kernel (N, N) of features (N, d), centred, of mean diagonal 1.

    Raises:
        MetricError: there is no such classifier.
    """
    if classifier not in ("mixed", "linear"):
        raise MetricError(f"classifier: {classifier!r} is none; allowed are mixed, linear")
    spread = rows.std(axis=0)
    standard = (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    linear = standard @ standard.T
    if classifier == "linear":
        return _normalized(linear)
    squares = np.diagonal(linear)
    distances = np.maximum(squares[:, None] + squares - 2 * linear, 0.0)
    median = float(np.median(distances)) or 1.0
    gaussian = np.exp(-2 * distances / median)
    return (_normalized(linear) + _normalized(gaussian) + _normalized(_binned(rows))) / 3


def cross_fitted_accuracy(kernel: Float, signs: Float, folds: Rows) -> Float:
    """Return the accuracy of ridge regression for each labelling, cross-fitted.

    Args:
        kernel: (2 n, 2 n); row i and row n + i are a pair, which stays in one fold.
        signs: (n, labellings) +1 or -1: the label of row i; row n + i has the opposite.
        folds: (n,) number of the fold of each pair, two or more folds.

    Returns:
        (labellings,); a prediction of exactly 0 counts as half right.
    """
    n = len(signs)
    labels, fold = np.concatenate([signs, -signs]), np.tile(folds, 2)
    right = np.zeros(signs.shape[1])
    for number in np.unique(folds):
        test, train = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        right += np.sum(np.sign(_predicted(kernel, train, test, labels)) * labels[test], axis=0)
    return np.asarray((right / (2 * n) + 1) / 2)


def _predicted(kernel: Float, train: Rows, test: Rows, labels: Float) -> Float:
    inner = kernel[np.ix_(train, train)]
    inner[np.diag_indices_from(inner)] += RIDGE
    factor = scipy.linalg.cho_factor(inner, overwrite_a=True, check_finite=False)
    across = scipy.linalg.cho_solve(factor, kernel[np.ix_(train, test)], check_finite=False)
    return np.asarray(across.T @ labels[train])


def _binned(rows: Float) -> Float:
    """Return how many features of two rows fall in the same tenth of their ranks."""
    shares = rankdata(rows, axis=0) / (len(rows) + 1)
    tenths = (shares * BINS).astype(np.int8)
    same = np.zeros((len(rows), len(rows)))
    for number in range(BINS):
        ones = (tenths == number).astype(np.float32)
        same += ones @ ones.T
    return same


def _normalized(kernel: Float) -> Float:
    means = kernel.mean(axis=0)
    centred = kernel - means - means[:, None] + means.mean()
    size = float(np.mean(np.diagonal(centred)))
    return np.asarray(centred / size) if size > 0 else centred
