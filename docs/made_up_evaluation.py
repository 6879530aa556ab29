"""An evaluation with made-up figures and pictures: for the picture of the report, and for its tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from simkit.evaluate.result import (
    Comparison,
    Curve,
    Distribution,
    Evaluation,
    Failure,
    Finding,
    Measure,
    Pair,
    Score,
    SetSummary,
    Verdict,
)
from simkit.metrics.estimate import Estimate

REAL = "photos"
SETS = {"studio": 1.0, "cluttered": 0.35, "plain": 2.2}
"""Synthetic sets, and how far they are from real."""
CLASSES = ("bolt", "bracket", "bearing", "clip", "gear", "hinge", "knob", "lever", "nut", "pin",
           "pulley", "ring", "screw", "spacer", "spring", "valve", "washer", "wheel")  # fmt: skip

MEASURES: tuple[tuple[str, float, float, float, bool | None], ...] = (
    ("FD-EffLite0", 11.2, 26.0, 0.06, False),
    ("FD-pixels", 4.1, 5.5, 0.08, False),
    ("KID-EffLite0", 0.0004, 0.018, 0.10, False),
    ("MMD-EffLite0", 0.021, 0.09, 0.08, False),
    ("SWD-EffLite0", 0.061, 0.13, 0.06, False),
    ("C2ST-EffLite0", 0.5, 0.19, 0.03, False),
    ("PAD-EffLite0", 0.08, 0.74, 0.05, False),
    ("Precision-EffLite0", 0.91, -0.24, 0.03, True),
    ("Recall-EffLite0", 0.9, -0.31, 0.04, True),
    ("Density-EffLite0", 0.98, -0.30, 0.04, True),
    ("Coverage-EffLite0", 0.95, -0.27, 0.03, True),
    ("Vendi-EffLite0", 41.0, -9.0, 0.05, None),
    ("Memorization-EffLite0", 0.51, 0.02, 0.03, False),
    ("FD-Inception", 31.0, 44.0, 0.05, False),
    ("KID-Inception", 0.0007, 0.021, 0.10, False),
    ("Precision-Inception", 0.88, -0.26, 0.03, True),
    ("Recall-Inception", 0.87, -0.29, 0.04, True),
    ("Coverage-Inception", 0.93, -0.22, 0.03, True),
    ("FD-DINOv2", 210.0, 390.0, 0.05, False),
    ("KID-DINOv2", 0.02, 0.61, 0.08, False),
)
"""Name, floor, what is added to it at a distance of 1, spread of the interval, higher is better."""

IMAGE_STATISTICS = {
    "brightness": ("", 0.46, 0.11, 0.05),
    "contrast": ("", 0.21, 0.05, 0.02),
    "saturation": ("", 0.32, 0.10, 0.07),
    "noise level": ("grey levels", 3.1, 0.9, -0.9),
    "sharpness": ("", 0.8, 0.22, 0.16),
    "power spectrum slope": ("", -2.2, 0.2, -0.11),
}
LABEL_STATISTICS = {
    "object_size": ("px", 92.0, 34.0, 26.0),
    "aspect": ("", 1.4, 0.3, 0.0),
    "count": ("objects", 6.0, 2.2, 1.1),
    "occlusion": ("share", 0.22, 0.09, -0.05),
    "position_x": ("of the width", 0.5, 0.17, 0.01),
    "position_y": ("of the height", 0.52, 0.15, -0.03),
}
"""Unit, mean, spread, and what is added to the mean at a distance of 1."""


def made_up_evaluation(folder: Path, classes: tuple[str, ...] = CLASSES) -> Evaluation:
    """Write pictures to `folder` and return an evaluation that names them."""
    rng = np.random.Generator(np.random.PCG64(7))
    return Evaluation(
        title="Parts on a bench: three synthetic sets against 296 photos",
        verdicts=_verdicts(),
        sets=_sets(rng, classes),
        measures=[
            Measure(name, _estimate(rng, far, *row)) for row in MEASURES for name, far in SETS.items()
        ],
        findings=_findings(),
        distributions=_distributions(rng),
        scores=_scores(rng, classes),
        comparisons=_comparisons(),
        curves=_curves(rng),
        pairs=_pairs(rng, folder),
        failures=_failures(rng, folder),
        provenance={
            "simkit": "0.1.0",
            "date": "2026-11-20",
            "seeds": [0, 1, 2],
            "rules": ["Score: good if real training images are worth at most 3 points more.",
                      "Differences: good if none matters, fair if fewer than 3 do, else poor."],
            "machine": {"processor": "8 cores", "memory": "32 GiB", "accelerator": "none"},
            "versions": {"python": "3.11.2", "torch": "2.13.0", "numpy": "2.4.0"},
            "features": "EfficientNet-Lite0, 1280 numbers an image",
        },
        commands=[
            "simkit generate parts.yaml --out out/cluttered -n 2000 --seed 1",
            "simkit evaluate --real photos --synthetic out/studio out/cluttered out/plain "
            "--task detection --seeds 3 --out out/evaluation",
        ],
    )  # fmt: skip


def _verdicts() -> list[Verdict]:
    text = (
        "Train on “cluttered”: it loses 7 points against photos, and 20 photos beside it win them back."
        " Pins are missing."
    )
    score = "Trained on photos, the model would score {} points more of AP50."
    return [
        Verdict("fair", text),
        Verdict("poor", "plain is not there yet: half of the score on photos is lost.", "plain"),
        Verdict("poor", score.format("42.9"), "plain"),
        Verdict("poor", "2 plain differences matter: background, object size.", "plain"),
        Verdict("poor", "studio is of use together with real images.", "studio"),
        Verdict("poor", score.format("19.3"), "studio"),
        Verdict("fair", "2 plain differences matter: noise, exposure.", "studio"),
        Verdict("fair", "cluttered is of use, with a loss.", "cluttered"),
        Verdict("fair", score.format("7.1"), "cluttered"),
        Verdict("poor", "2 plain differences matter: missing class, blur.", "cluttered"),
    ]


def _estimate(
    rng: np.random.Generator, far: float, name: str, floor: float, gap: float, spread: float,
    higher: bool | None,
) -> Estimate:  # fmt: skip
    value = floor + gap * far * float(rng.uniform(0.85, 1.1))
    if abs(floor) <= 1 and higher:
        value = max(value, 0.08)
    half = spread * max(abs(value), abs(floor)) * 1.2
    room = spread * abs(floor) + abs(gap) * 0.03
    note = "not for small sets" if name.startswith("FD-DINO") else ""
    return Estimate(name, value, value - half, value + half, floor, floor - room, floor + room, 296,
                    higher, note)  # fmt: skip


def _sets(rng: np.random.Generator, classes: tuple[str, ...]) -> list[SetSummary]:
    made = []
    for place, (name, images) in enumerate({REAL: 296, "studio": 2000, "cluttered": 2000,
                                            "plain": 2000}.items()):  # fmt: skip
        base = np.geomspace(1.0, 0.15, len(classes)) if place == 0 else np.ones(len(classes))
        weights = base * rng.uniform(0.8, 1.2, len(classes))
        counts = (6 * images * weights / weights.sum()).astype(int)
        counted = {key: int(value) for key, value in zip(classes, counts, strict=True)}
        if name != REAL:
            counted.pop("pin", None)
        facts: dict[str, Any] = {"size": "640 x 480 px"}
        if name != REAL:
            facts["seed"] = place
        made.append(
            SetSummary(name, "synthetic" if place else "real", f"out/{name}", images,
                       sum(counted.values()), counted, facts)
        )  # fmt: skip
    return made


def _findings() -> list[Finding]:
    rows: list[tuple[str, str, str, float, float, float, float, bool, bool]] = [
        ("plain", "background", "Backgrounds have 2.1 times less texture than photos: add"
         " randomizers.room or distractors.", 0.31, 0.15, 1.9, 1e-9, True, True),
        ("plain", "object_size", "Objects are 1.6 times too large: move the camera back, to 0.5 to"
         " 0.9 m.", 92, 147, 1.6, 1e-9, True, True),
        ("studio", "noise", "Images have too little noise: raise sensors.noise.read_noise to 2.4"
         " grey levels.", 3.1, 2.2, 1.0, 1e-7, True, True),
        ("studio", "exposure", "Images are too bright by 0.4 stops: lower the light's intensity.",
         0.46, 0.57, 0.9, 2e-6, True, True),
        ("cluttered", "missing_class", "“pin” is missing; photos have 41 of them.", 0.023, 0.0, 1.0,
         1e-4, True, True),
        ("cluttered", "blur", "Images are sharper than photos by 0.4 of their spread: widen"
         " sensors.focus.", 0.80, 0.90, 0.42, 3e-4, True, True),
        ("studio", "colour", "Saturation is a little higher.", 0.32, 0.35, 0.22, 0.004, True, False),
        ("cluttered", "contrast", "Contrast is a little lower.", 0.21, 0.20, 0.12, 0.02, True, False),
        ("plain", "aspect", "Boxes are a little wider.", 1.4, 1.46, 0.2, 0.03, True, False),
    ]  # fmt: skip
    for name in SETS:
        rows.append((name, "position", "Objects are where they are in photos.", 0.5, 0.51, 0.03,
                     0.61, False, False))  # fmt: skip
        rows.append((name, "copies", "No image is a copy of a photo.", 0.5, 0.51, 0.02, 0.8,
                     False, False))  # fmt: skip
    return [Finding(*row) for row in rows]


def _distributions(rng: np.random.Generator) -> list[Distribution]:
    made = []
    for of, table in (("image", IMAGE_STATISTICS), ("label", LABEL_STATISTICS)):
        for statistic, (unit, mean, spread, shift) in table.items():
            real = _drawn(rng, statistic, mean, spread, 296 if of == "image" else 1700)
            for name, far in SETS.items():
                values = _drawn(rng, statistic, mean + shift * far, 0.85 * spread, 600)
                made.append(Distribution(name, statistic, unit, of, real, values))
    return made


def _drawn(
    rng: np.random.Generator, statistic: str, mean: float, spread: float, n: int
) -> list[float]:
    if statistic == "object_size":
        return [float(v) for v in mean * np.exp(rng.normal(0, spread / mean, n))]
    values = rng.normal(mean, spread, n)
    if statistic in ("occlusion", "count"):
        values = np.maximum(values, 0 if statistic == "occlusion" else 1)
    return [float(v) for v in (np.round(values) if statistic == "count" else values)]


def _scores(rng: np.random.Generator, classes: tuple[str, ...]) -> list[Score]:
    rows = [(REAL, "TRTR", 0.871, 237, 296), *[(name, "TSTR", 0.86 - 0.19 * far, 2000, 296)
            for name, far in SETS.items()], ("cluttered", "TSTR+20", 0.884, 2020, 276),
            ("studio", "TSTR+20", 0.79, 2020, 276), ("cluttered", "TRTS", 0.83, 296, 2000)]  # fmt: skip
    made = []
    for metric, factor in (("AP50", 1.0), ("AP", 0.66)):
        for name, protocol, value, trained, tested in rows:
            mean = value * factor
            seeds = [float(mean + at) for at in rng.normal(0, 0.009, 3)]
            centre = float(np.mean(seeds))
            parts = {
                key: float(np.clip(centre + at, 0.02, 0.985))
                for key, at in zip(classes, rng.normal(0, 0.07, len(classes)), strict=True)
            }
            if protocol == "TSTR" and "pin" in parts:
                parts["pin"] = 0.0
            per_class = {
                key: [at, max(at - 0.06, 0.0), min(at + 0.05, 1.0)] for key, at in parts.items()
            }
            made.append(
                Score(name, protocol, "detection", metric, centre, centre - 0.024, centre + 0.021,
                      seeds, trained, tested, per_class if metric == "AP50" else {},
                      {"AR": centre * 0.9}, 412.0)
            )  # fmt: skip
    return made


def _comparisons() -> list[Comparison]:
    return [
        Comparison("cluttered", "studio", "AP50", 0.122, 0.096, 0.149, 1e-5,
                   "“cluttered” is better by 12 points; chance alone is ruled out."),
        Comparison("cluttered", "plain", "AP50", 0.351, 0.312, 0.389, 1e-5,
                   "“cluttered” is better by 35 points; chance alone is ruled out."),
        Comparison("cluttered", REAL, "AP50", -0.071, -0.1, -0.043, 2e-4,
                   "Photos are better by 7 points."),
        Comparison("cluttered + 20 photos", REAL, "AP50", 0.011, -0.012, 0.033, 0.34, ""),
    ]  # fmt: skip


def _curves(rng: np.random.Generator) -> list[Curve]:
    counts, shares = [50.0, 100.0, 250.0, 500.0, 1000.0, 2000.0], [0.0, 0.25, 0.5, 0.75, 0.9, 1.0]
    made = []
    for name, far in SETS.items():
        top = 0.86 - 0.19 * far
        y = top * (1 - 0.55 * (np.array(counts) / 50) ** -0.6) + rng.normal(0, 0.006, 6)
        made.append(_curve(name, "Learning curve", "synthetic images", counts, y))
    for name, far in SETS.items():
        at = np.array(shares)
        y = 0.871 + 0.05 * np.sin(np.pi * at) - (0.011 + 0.19 * far) * at**4
        made.append(_curve(name, "Mixing curve", "share of synthetic images", shares, y))
    return made


def _curve(name: str, title: str, label: str, x: list[float], y: NDArray[np.float64]) -> Curve:
    half = np.linspace(0.045, 0.02, len(x))
    low, high = (y - half).tolist(), (y + half).tolist()
    return Curve(name, title, label, "AP50", x, y.tolist(), low, high)


def _pairs(rng: np.random.Generator, folder: Path) -> list[Pair]:
    made = []
    for name, far in SETS.items():
        for place in range(4):
            scene = rng.uniform(0, 1, (6, 6))
            stem = f"{name}_{place}"
            _save(folder, f"{stem}_real.jpg", _picture(rng, scene, noise=9.0))
            other = np.clip(scene + 0.08 * far * rng.normal(size=scene.shape), 0, 1)
            _save(folder, f"{stem}_synthetic.jpg", _picture(rng, other, noise=2.0))
            made.append(
                Pair(name, f"{stem}_synthetic.jpg", f"{stem}_real.jpg", 0.2 * far + 0.03 * place + 0.1,
                     f"image {place * 37} and photo {place * 11}")
            )  # fmt: skip
    return made


def _failures(rng: np.random.Generator, folder: Path) -> list[Failure]:
    texts = ("2 of 6 missed: pin, pin", "bolt taken for screw (0.71)", "1 of 5 missed: washer behind"
             " a gear", "a shadow taken for a lever (0.64)")  # fmt: skip
    made = []
    for name, far in SETS.items():
        for place, text in enumerate(texts):
            image = _picture(rng, rng.uniform(0, 1, (6, 6)), noise=9.0)
            for corner, color in (((90, 60), (60, 200, 60)), ((104, 70), (40, 60, 230))):
                cv2.rectangle(image, corner, (corner[0] + 150, corner[1] + 130), color, 3)
            file = f"failure_{name}_{place}.jpg"
            _save(folder, file, image)
            made.append(Failure(name, file, 1.5 + far - 0.2 * place, text))
    return made


def _picture(
    rng: np.random.Generator, scene: NDArray[np.float64], noise: float
) -> NDArray[np.uint8]:
    """Return a made-up photo of parts: (480, 640, 3) uint8 BGR; `scene` has a part a row."""
    down, right = np.mgrid[0:480, 0:640].astype(np.float32)
    light = 1.1 - 0.5 * np.hypot(
        (right - 640 * scene[0, 0]) / 640, (down - 480 * scene[0, 1]) / 480
    )
    grain = cv2.resize(rng.normal(0, 1, (480, 20)).astype(np.float32), (640, 480)) * 5
    image = np.array([92, 128, 158]) * light[..., None] + grain[..., None]
    image = np.clip(image, 0, 255).astype(np.uint8)
    for x, y, size, turn, hue, kind in scene:
        centre = np.array([90 + 460 * x, 80 + 320 * y])
        corners = (3, 4, 6, 24)[int(3.99 * kind)]
        angles = 2 * np.pi * (np.arange(corners) / corners + turn)
        shape = (25 + 40 * size) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        tone = cv2.cvtColor(np.uint8([[[180 * hue, 70, 205]]]), cv2.COLOR_HSV2BGR)[0, 0]
        shadow = image.copy()
        cv2.fillPoly(shadow, [(centre + shape + [9, 13]).astype(np.int32)], (20, 26, 30))
        image = cv2.addWeighted(image, 0.45, shadow, 0.55, 0)
        cv2.fillPoly(image, [(centre + shape).astype(np.int32)], tone.tolist(), cv2.LINE_AA)
        cv2.fillPoly(image, [(centre + 0.45 * shape).astype(np.int32)], (0.7 * tone).tolist(),
                     cv2.LINE_AA)  # fmt: skip
    noisy = image + rng.normal(0, noise, image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def _save(folder: Path, name: str, image: NDArray[np.uint8]) -> None:
    path = folder / "pictures" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 90])
