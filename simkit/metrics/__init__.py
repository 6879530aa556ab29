"""Distances, coverage and two-sample tests: pure functions on features (N, d), in float64.

`compare_features` gives all of them at once, each with its interval and its real-against-real floor.
docs/metrics.md says what each is good for. Images and feature extractors are `simkit.features`'.
"""

from simkit.metrics.accumulator import Features, Moments
from simkit.metrics.classifiers import (
    TwoSampleTest,
    classifier_two_sample_test,
    proxy_a_distance,
)
from simkit.metrics.compare import MEASURES, compare_features, compare_probabilities
from simkit.metrics.coverage import Coverage, null_coverage, precision_recall
from simkit.metrics.estimate import Estimate
from simkit.metrics.frechet import (
    frechet_distance,
    frechet_distance_of_moments,
    null_frechet_distance,
)
from simkit.metrics.inception_score import inception_score
from simkit.metrics.intervals import jackknife_interval, wilson_interval
from simkit.metrics.kernels import kid, kid_of_subsets, median_distance, mmd
from simkit.metrics.memorization import (
    Memorization,
    NearPair,
    holds_copies,
    memorization,
    nearest_pairs,
)
from simkit.metrics.sliced import sliced_wasserstein
from simkit.metrics.vendi import vendi_score

__all__ = [
    "MEASURES",
    "Coverage",
    "Estimate",
    "Features",
    "Memorization",
    "Moments",
    "NearPair",
    "TwoSampleTest",
    "classifier_two_sample_test",
    "compare_features",
    "compare_probabilities",
    "frechet_distance",
    "frechet_distance_of_moments",
    "holds_copies",
    "inception_score",
    "jackknife_interval",
    "kid",
    "kid_of_subsets",
    "median_distance",
    "memorization",
    "mmd",
    "nearest_pairs",
    "null_coverage",
    "null_frechet_distance",
    "precision_recall",
    "proxy_a_distance",
    "sliced_wasserstein",
    "vendi_score",
    "wilson_interval",
]
