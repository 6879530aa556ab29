"""C2ST and proxy A-distance: null, level, power, and fakes that a task score does not notice."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression

from metrics.drawn import correlated
from simkit.errors import MetricError
from simkit.metrics import classifier_two_sample_test, proxy_a_distance
from simkit.metrics.classifiers import RIDGE, cross_fitted_accuracy, label_free_kernel
from simkit.randomness import stream


def gaussian_fakes(
    images: np.ndarray, labels: np.ndarray, rng: np.random.Generator, components: int = 30
) -> np.ndarray:
    """Draw each class anew from a Gaussian on its principal components."""
    fakes = np.empty_like(images)
    for label in np.unique(labels):
        own = images[labels == label]
        centre = own.mean(axis=0)
        _, spread, axes = np.linalg.svd(own - centre, full_matrices=False)
        drawn = rng.standard_normal((len(own), components)) * spread[:components]
        fakes[labels == label] = centre + drawn @ axes[:components] / np.sqrt(len(own) - 1)
    return fakes


def test_digits_that_a_classifier_learns_from_and_c2st_sees_through() -> None:
    """C2ST > 0.95 although training on the fakes costs some 0.026 of accuracy on real digits."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    train, test = order[:900], order[900:]
    rng = np.random.default_rng(1)
    fakes = gaussian_fakes(images[train], labels[train], rng)

    def score(x: np.ndarray) -> float:
        model = LogisticRegression(max_iter=300).fit(x / 16, labels[train])
        return float(model.score(images[test] / 16, labels[test]))

    loss = score(images[train]) - score(fakes)
    assert 0 < loss < 0.045
    found = classifier_two_sample_test(images[train], fakes, rng=rng, permutations=99, most=300)
    assert found.accuracy > 0.95
    assert (found.p, found.n, found.permutations) == (0.01, 300, 99)
    linear = classifier_two_sample_test(
        images[train], fakes, rng=rng, permutations=0, classifier="linear", most=300
    )
    assert linear.accuracy < 0.6, "their means are the same: no linear classifier can tell"


@pytest.mark.parametrize("classifier", ["mixed", "linear"])
def test_null_accuracy_and_level(classifier: str) -> None:
    """Two sets of one distribution: 0.5 on average, and p <= alpha in at most alpha of the runs."""
    repeats = 300
    found = []
    for number in range(repeats):
        rng = stream(0, number, "null")
        x, y = rng.standard_normal((2, 20, 15)) ** 3
        found.append(
            classifier_two_sample_test(x, y, rng=rng, permutations=39, classifier=classifier)  # type: ignore[arg-type]
        )
    accuracies, p = np.array([(one.accuracy, one.p) for one in found]).T
    assert abs(accuracies.mean() - 0.5) < 4 * accuracies.std() / np.sqrt(repeats)
    for alpha in (0.05, 0.1, 0.25):
        allowed = alpha + 3 * np.sqrt(alpha * (1 - alpha) / repeats)
        assert np.mean(p <= alpha) <= allowed, alpha
    assert np.mean(p <= 0.5) > 0.3, "it is a test, not a constant"


def test_power() -> None:
    """A shift of one standard deviation in one of ten features is found, a spread by 2 as well."""
    x, y = correlated(150, 10, 1, 0), correlated(150, 10, 2, 0)
    shifted, spread = y.copy(), y.copy()
    shifted[:, 0] += 1
    spread[:, 0] *= 3
    for changed, classifier in ((shifted, "mixed"), (shifted, "linear"), (spread, "mixed")):
        found = classifier_two_sample_test(
            x,
            changed,
            rng=stream(0, 0, "power"),
            permutations=99,
            classifier=classifier,  # type: ignore[arg-type]
        )
        assert found.p <= 0.05, (found, classifier)


def test_against_scikit_learn() -> None:
    """One fold after the other, fitted by another implementation of kernel ridge regression."""
    x, y = correlated(25, 6, 1), correlated(25, 6, 2) + 0.4
    kernel = label_free_kernel(np.concatenate([x, y]))
    labels, folds = np.repeat([1.0, -1.0], 25), np.tile(np.arange(25) % 5, 2)
    right = 0
    for fold in range(5):
        test, train = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        model = KernelRidge(alpha=RIDGE, kernel="precomputed")
        model.fit(kernel[np.ix_(train, train)], labels[train])
        right += np.sum(model.predict(kernel[np.ix_(test, train)]) * labels[test] > 0)
    found = cross_fitted_accuracy(kernel, np.ones((25, 1)), folds[:25])
    assert found[0] == pytest.approx(right / 50)


def test_the_same_for_the_same_stream_and_balanced_for_unequal_sets() -> None:
    x, y = correlated(60, 5, 1), correlated(35, 5, 2) + 1
    first, second = (
        classifier_two_sample_test(x, y, rng=stream(0, 0, "c2st"), permutations=19)
        for _ in range(2)
    )
    assert first == second
    assert first.n == 35
    same = classifier_two_sample_test(
        np.ones((20, 3)), np.ones((20, 3)), rng=stream(0, 0, "c2st"), permutations=19
    )
    assert (same.accuracy, same.p) == (0.5, 1.0)


def test_proxy_a_distance_is_exact() -> None:
    assert [proxy_a_distance(error) for error in (0.5, 0.0, 0.25, 1.0)] == [0.0, 2.0, 1.0, -2.0]
    with pytest.raises(MetricError, match=r"error: 1\.2"):
        proxy_a_distance(1.2)
    with pytest.raises(MetricError, match="classifier: 'quadratic' is none"):
        label_free_kernel(np.ones((4, 2)), "quadratic")  # type: ignore[arg-type]
