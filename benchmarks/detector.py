"""Train a detector on some data sets, test it on another: AP, by class, and what it took.

    python -m benchmarks.detector --train DIR [DIR ...] --test DIR --json FILE
    python -m benchmarks.detector --test DIR --folds 5 --json FILE

With ``--folds`` the test set itself is trained on, each image being tested by the model that did not
see it.
"""

from __future__ import annotations

import argparse
import sys
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from benchmarks.record import write
from simkit.options import build
from simkit.randomness import stream
from simkit.tasks.detection import Detection, DetectionOptions, Detections
from simkit.tasks.examples import Examples, open_examples
from simkit.timing import now


def main() -> None:
    """Read the command line, train, test, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", nargs="+", default=[], help="data sets to train on")
    parser.add_argument("--test", required=True, help="data set to test on; its categories count")
    parser.add_argument("--folds", type=int, default=0, help="train on the test set, in folds")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=0, help="train on so many; 0: all")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--options", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--adapt", action="store_true", help="the test images are the target")
    parser.add_argument("--save", type=Path, help="folder for the model (without folds)")
    parser.add_argument("--failures", type=Path, help="folder for pictures of the worst images")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    task = Detection(options_of(asked.options, asked.steps))
    test = open_examples(asked.test)
    start = now()
    if asked.folds:
        predictions, seconds, pace = folded(task, test, asked.folds, asked.seed)
    else:
        train = reduce(
            lambda one, other: one + other,
            [open_examples(folder, test.categories) for folder in asked.train],
        )
        if asked.images:
            chosen = stream(asked.seed, 0, "subset").permutation(len(train))[: asked.images]
            train = train.subset(sorted(chosen.tolist()))
        model = task.train(
            train, seed=asked.seed, target=test if asked.adapt else None, progress=show
        )
        if asked.save:
            model.save(asked.save)
        assert model.trained is not None
        seconds, pace = model.trained.seconds, model.trained.seconds_a_step
        predictions = model.predict(test)
    scores = task.outcome(predictions, test).scores()
    if asked.failures:
        picture(task, predictions, test, asked.failures)
    result: dict[str, Any] = {
        "command": " ".join(sys.argv[1:]),
        "scores": {name: round(100 * value, 2) for name, value in scores.items()},
        "training_seconds": round(seconds, 1),
        "seconds_a_step": round(pace, 3),
        "seconds": round(now() - start, 1),
    }
    write(result, asked.json)


def options_of(pairs: list[str], steps: int | None) -> DetectionOptions:
    """Return options of ``key=value`` pairs; dots lead into sections."""
    data: dict[str, Any] = {}
    if steps:
        pairs = [*pairs, f"training.steps={steps}"]
    for pair in pairs:
        key, _, value = pair.partition("=")
        *path, last = key.split(".")
        reduce(lambda place, part: place.setdefault(part, {}), path, data)[last] = yaml.safe_load(
            value
        )
    return build(DetectionOptions, data)


def folded(
    task: Detection, examples: Examples, folds: int, seed: int
) -> tuple[list[Detections], float, float]:
    """Return predictions of each image by the model of the other folds, and the training's time."""
    places = stream(seed, 0, "folds").permutation(len(examples))
    found: dict[int, Detections] = {}
    seconds, pace = 0.0, 0.0
    for number in range(folds):
        held = np.sort(places[number::folds]).tolist()
        rest = np.setdiff1d(places, held).tolist()
        model = task.train(examples.subset(rest), seed=seed, progress=show)
        assert model.trained is not None
        seconds, pace = seconds + model.trained.seconds, model.trained.seconds_a_step
        found.update(zip(held, model.predict(examples.subset(held)), strict=True))
    return [found[place] for place in range(len(examples))], seconds, pace


def picture(task: Detection, predictions: list[Detections], test: Examples, folder: Path) -> None:
    """Write the worst images, drawn, as PNG files."""
    import cv2

    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(task.failures(predictions, test)):
        if "drawn" in one:
            cv2.imwrite(str(folder / f"{number:02d}-{one['place']}.png"), one["drawn"][..., ::-1])
        print(f"{one['place']:5d} {one['cost']:.2f} {one['text']}")


def show(step: int, steps: int, losses: dict[str, float]) -> None:
    """Print the losses of a step."""
    text = " ".join(f"{name} {value:.4f}" for name, value in losses.items())
    print(f"{step}/{steps} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
