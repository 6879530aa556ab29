"""Each measure, score and protocol in one sentence, for readers who don't know it."""

from __future__ import annotations

import re

MEASURES: tuple[tuple[str, str], ...] = (
    (r"(FID|FD|FR[EÉ]CHET)", "Distance between the two sets' mean and spread of image features, each"
     " taken as one Gaussian."),
    (r"(KID|KD|KERNEL)", "Squared distance between the average images of both sets as a polynomial"
     " kernel sees their features; unbiased also for few images."),
    (r"GAP", "One number made of many, to rank synthetic sets by how well they will transfer; 0 where"
     " nothing tells them from real images."),
    (r"(C?MMD)", "Squared distance between the average images of both sets as a Gaussian kernel sees"
     " their features."),
    (r"(SWD?|SLICED)", "Mean distance between the sorted features of both sets along random"
     " directions."),
    (r"(C2ST|CLASSIFIER)", "How often a classifier tells synthetic from real images that it has not"
     " seen: 0.5 is guessing, 1 is always."),
    (r"(PAD|PROXY)", "2 (1 - 2 error) of a classifier that tells synthetic from real: 0 cannot be"
     " told apart, 2 always."),
    (r"IMPROVED.?PRECISION|PRECISION", "Share of synthetic images that lie within the real images'"
     " neighbourhoods: are they realistic?"),
    (r"IMPROVED.?RECALL|RECALL", "Share of real images that lie within the synthetic images'"
     " neighbourhoods: is everything covered?"),
    (r"DENSITY", "How many real neighbourhoods a synthetic image lies in on average; around 1 for real"
     " images, robust to outliers."),
    (r"COVERAGE", "Share of real images that have a synthetic image in their neighbourhood."),
    (r"VENDI", "Effective number of different images in the set: as many equally frequent, entirely"
     " different images would be as diverse."),
    (r"(MEMOR|AUTH|COPI|NN.?RATIO|CT$)", "How near synthetic images are to the real ones that they"
     " were fitted to, against a held-out real set: do they copy?"),
    (r"(IS$|IS-|INCEPTION)", "How sure a classifier is of each image and how varied its answers are;"
     " it does not look at the real set."),
)  # fmt: skip
"""Patterns of names (upper case, from the start) with what the measure says; the first that fits."""

DISTANCES = re.compile(r"FI?D|K?ID|KD|C?MMD|SWD?|SLICED|FR[EÉ]CHET|KERNEL")
"""Names of measures that start at 0, so that they can be told as a multiple of the floor."""

SCORES: tuple[tuple[str, str], ...] = (
    (r"M?AP50$", "Average precision of detection where a box counts if it overlaps the true one by at"
     " least 50 % (IoU), mean over classes."),
    (r"M?AP75$", "Average precision of detection where a box counts if it overlaps the true one by at"
     " least 75 % (IoU), mean over classes."),
    (r"M?AP$", "Average precision of detection, mean over classes and over overlaps (IoU) of 50 to"
     " 95 %, as COCO has it."),
    (r"M?IOU", "Overlap of predicted and true areas: intersection over union, mean over classes."),
    (r"DICE|F1", "Harmonic mean of precision and recall."),
    (r"TOP.?1|ACC", "Share of images or objects whose class is right."),
    (r"BALANCED", "Share that is right, averaged over classes with equal weight."),
    (r"AR_MSSD_MSPD", "Mean of two average recalls of poses (BOP): by the largest distance between"
     " surface points, and by the largest distance in the image, symmetries allowed for."),
    (r"AR_?MSSD|MSSD", "Recall of poses by the largest distance between surface points, symmetries"
     " allowed for, averaged over thresholds (BOP)."),
    (r"AR_?MSPD|MSPD", "Recall of poses by the largest distance in the image, symmetries allowed for,"
     " averaged over thresholds (BOP)."),
    (r"AR_?VSD|VSD", "Recall of poses by the visible surface discrepancy, averaged over thresholds"
     " (BOP)."),
    (r"ADD", "Share of poses whose mean distance between model points is below a tenth of the object's"
     " diameter; to the nearest points for symmetric objects."),
    (r"AR", "Average recall: share of what is there that is found, averaged over thresholds."),
)  # fmt: skip

PROTOCOLS: tuple[tuple[str, str], ...] = (
    (r"TSTR\+.*FINE", "trained on synthetic images, then on a few real ones; tested on other real ones"),
    (r"TSTR\+", "trained on synthetic and a few real images, tested on other real ones"),
    (r"TSTR.*ADAPT", "as TSTR, with the real images seen in training, but not their labels"),
    (r"TSTR N=", "as TSTR, with so many synthetic images: a point of the learning curve"),
    (r"TSTR", "trained on synthetic images alone, tested on real ones: what the set is worth"),
    (r"TRTR", "trained and tested on real images: the yardstick"),
    (r"TRTS", "trained on real images, tested on synthetic ones: do they show the same things?"),
    (r"TSTS", "trained and tested on synthetic images"),
    (r"MIX", "trained on a mixture of synthetic and real images, tested on other real ones"),
    (r"CURRIC", "trained on synthetic images first, with more and more real ones among them"),
)  # fmt: skip
PROTOCOL_ORDER = (
    r"TRTR",
    r"TSTR$",
    r"TSTR, ",
    r"TSTR\+",
    r"CURRIC",
    r"TRTS",
    r"TSTS",
    r"TSTR",
    r"MIX",
)
"""Patterns, from the yardstick to the points of curves."""

LEVELS = {
    "good": "Good: no difference was found that would matter.",
    "fair": "Fair: usable, with differences that cost something.",
    "poor": "Poor: differences that have to be mended first.",
}
OF_CROPS = " Here of objects, cut out of their images."


def explain(name: str, table: tuple[tuple[str, str], ...]) -> str:
    """Return the sentence of the first pattern that `name` begins with, or nothing."""
    for pattern, text in table:
        if re.match(pattern, name.upper()):
            return text
    return ""


def direction(higher_is_better: bool | None) -> str:
    """Return what a reader has to hope for."""
    if higher_is_better is None:
        return "neither high nor low is better"
    return "higher is better" if higher_is_better else "lower is better"


def protocol_rank(protocol: str) -> tuple[int, str]:
    """Return the place of a protocol in tables: the yardstick first."""
    for order, pattern in enumerate(PROTOCOL_ORDER):
        if re.match(pattern, protocol.upper()):
            return order, protocol
    return len(PROTOCOL_ORDER), protocol


def spoken(name: str) -> str:
    """Return a name in code as words: ``object_size`` is "object size"."""
    return name.replace("_", " ")
