"""Trained models by name, for the monitor: what they see in images, and how sure they are."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.errors import DatasetError, did_you_mean
from simkit.evaluate.learners import load_object
from simkit.features.opening import DEFAULT, open_features
from simkit.statistics import statistics_of
from simkit.tasks.examples import Examples

log = logging.getLogger(__name__)

Float = NDArray[np.float64]

FEATURES = "features:"

CARD = "card.json"

PREDICTORS = {
    "detection": "simkit.tasks.detection:Detector",
    "segmentation": "simkit.tasks.segmentation:SegmentationPredictor",
    "classification": "simkit.tasks.classification:ClassificationPredictor",
    "pose": "simkit.tasks.pose:PosePredictor",
    "pose_true_boxes": "simkit.tasks.pose:PosePredictor",
}
"""What loads the model of a task, by the name in its card."""


def open_model(name: str) -> Any:
    """Return a trained model, or an extractor of features.

    Args:
        name: folder that a model was saved to, ``features:NAME`` of an extractor, or
            ``package.module:function`` that returns a predictor.

    Raises:
        DatasetError: the folder holds no model.
        PluginError: a name is unknown or does not load.
    """
    if name.startswith(FEATURES):
        return open_features(name[len(FEATURES) :])
    if (Path(name) / CARD).is_file():
        task = str(json.loads((Path(name) / CARD).read_text()).get("task"))
        if task not in PREDICTORS:
            raise DatasetError(f"{name}: is a model of '{task}'; {did_you_mean(task, PREDICTORS)}")
        return load_object("model", PREDICTORS[task]).load(name)
    if ":" not in name:
        raise DatasetError(
            f"{name}: is no folder of a trained model; give one (simkit evaluate keeps them in "
            "OUT/runs), features:NAME, or package.module:function that returns a predictor"
        )
    return load_object("model", name)()


def seen_by(model: Any, examples: Examples) -> tuple[Float, Float | None, dict[str, list[float]]]:
    """Return features (n, d), confidence (n,) or None, and plain statistics of images.

    A model without ``features(examples)`` is looked at through the default extractor, and that is
    logged; one without ``confidence(examples)`` has none.
    """
    images = (example.image for example in examples)
    if hasattr(model, "extract"):
        features = model.extract(images)
    elif hasattr(model, "features"):
        features = model.features(examples)
    else:
        log.warning("the model has no features(examples); %s is used instead", DEFAULT)
        features = open_features(DEFAULT).extract(images)
    sure = model.confidence(examples) if hasattr(model, "confidence") else None
    each = [asdict(statistics_of(example.image)) for example in examples]
    statistics = {name: [one[name] for one in each] for name in each[0]} if each else {}
    confidence = None if sure is None else np.asarray(sure, np.float64)
    return np.asarray(features, np.float64), confidence, statistics
