"""Gap metrics and the real-task score, side by side: one evaluation, resumable."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from simkit.errors import ConfigError
from simkit.evaluate.bootstrap import RESAMPLES, resamples
from simkit.evaluate.folds import groups_of
from simkit.evaluate.gaps import add_gaps
from simkit.evaluate.learners import Learner, load_learner, model_path
from simkit.evaluate.opening import Opened, open_sets
from simkit.evaluate.picturing import write_picture
from simkit.evaluate.protocols import REAL, Settings, Trial, trials_of
from simkit.evaluate.result import Comparison, Evaluation, Failure
from simkit.evaluate.slices import class_findings, slice_findings
from simkit.evaluate.storing import RunStore, digest
from simkit.evaluate.trying import (
    Tried,
    Watch,
    compare,
    compare_to,
    curves_of,
    score_of,
    try_all,
)
from simkit.evaluate.verdicts import RULES, verdicts_of

RUNS = "runs"
"""Folder of finished trainings, beside ``evaluation.json``."""

SLICES = "slices.json"

PROTOCOLS = ("tstr", "trtr")
FEATURES = "efficientnet_lite0"

FAILURES = 6
"""Worst failures that are kept as pictures, of each synthetic set."""


@dataclass(frozen=True)
class Request:
    """What is to be evaluated.

    Attributes:
        real: data set of real photos.
        synthetic: data sets.
        task: registered name, or ``package.module:Class``; "" for gap metrics alone.
        options: the task's.
        trainer: ``package.module:function``, "" for the task's own.
        protocols: see `simkit.evaluate.protocols.NAMED`.
        settings: of the protocols.
        features: extractor of the gap metrics; "" for the score alone.
        categories: those that count; those seen in the real set if none are named.
        where: conditions on the real set's index.
        resamples: draws of test images.
        title: of the report.
    """

    real: str
    synthetic: tuple[str, ...]
    task: str = "detection"
    options: Mapping[str, Any] = field(default_factory=dict)
    trainer: str = ""
    protocols: tuple[str, ...] = PROTOCOLS
    settings: Settings = field(default_factory=Settings)
    features: str = FEATURES
    categories: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    resamples: int = RESAMPLES
    title: str = ""

    def __post_init__(self) -> None:
        if not self.task and not self.features:
            raise ConfigError("task and features are both left out: there is nothing to evaluate")
        if self.resamples < 100:
            raise ConfigError(f"resamples: {self.resamples} are too few for an interval; give 100")


def evaluate(
    request: Request, out: str | Path, watch: Watch | None = None, commands: Sequence[str] = ()
) -> Evaluation:
    """Return what an evaluation finds; it is written to `out`, with pictures, and no report.

    Each training's predictions are stored in ``out/runs`` as it finishes; the same call goes on
    from there after a kill.

    Args:
        out: a local folder.
        watch: told what is done.
        commands: that a reader needs to do this again.

    Raises:
        ConfigError, DatasetError, PluginError: before any training.
    """
    folder = Path(out)
    real, synthetic = open_sets(request.real, request.synthetic, request.categories, request.where)
    learner = load_learner(request.task, request.options, request.trainer) if request.task else None
    trials = _trials(real, synthetic, request) if learner else []
    for trial in trials:
        learner.check(trial.trainings[0])  # type: ignore[union-attr]
    found = Evaluation(
        title=request.title or f"{', '.join(one.name for one in synthetic)} against real photos",
        sets=[one.summary() for one in (real, *synthetic)],
        commands=list(commands),
    )
    if request.features:
        add_gaps(found, real, synthetic, request.features, folder, watch)
    if learner is not None:
        store = RunStore(folder / RUNS)
        tried = try_all(trials, learner, store, request.settings, request.resamples, watch)
        _add_scores(found, tried, learner, request, folder)
        found.provenance["models"] = {
            f"{trial.name} ({trial.protocol})": str(path)
            for trial in trials
            for path in [model_path(learner, trial.trainings[0], store)]
            if path.exists()
        }
    names = [one.name for one in synthetic]
    found.verdicts.extend(
        verdicts_of(names, found.scores, found.comparisons, found.measures, found.findings)
    )
    found.provenance.update(_provenance(request, real, synthetic, found))
    found.write(folder)
    return found


def _trials(real: Opened, synthetic: Sequence[Opened], request: Request) -> list[Trial]:
    """Return all trials, TRTR once."""
    made: list[Trial] = []
    for number, one in enumerate(synthetic):
        wanted = [name for name in request.protocols if number == 0 or name != "trtr"]
        made += trials_of(one.name, one.examples, real.examples, wanted, request.settings)
    return made


def _add_scores(
    found: Evaluation, tried: Sequence[Tried], learner: Learner, request: Request, folder: Path
) -> None:
    metric = learner.metric
    found.scores.extend(score_of(one, learner) for one in tried)
    found.curves.extend(curves_of(tried, metric))
    references = [one for one in tried if one.trial.protocol == "TRTR"]
    plain = [one for one in tried if one.trial.protocol == "TSTR"]
    found.comparisons.extend(compare([*references, *plain], metric))
    found.comparisons.extend(_variants(tried, plain, metric))
    for one in plain:
        found.failures.extend(failures_of(one, learner, folder))
    if references and plain:
        _add_slices(found, references[0], plain, metric, request, folder)


def _add_slices(
    found: Evaluation,
    reference: Tried,
    plain: Sequence[Tried],
    metric: str,
    request: Request,
    folder: Path,
) -> None:
    """Add where the gap is larger than elsewhere; all slices go to `SLICES`."""
    tested = reference.trial.tested
    groups = groups_of(tested, request.settings.group_by)
    draws = resamples(len(tested), request.resamples, 0, groups)
    tables = {}
    for one in plain:
        findings, scores = slice_findings(one, reference, draws, metric)
        found.findings.extend(findings)
        found.findings.extend(class_findings(one.trial.name, one.sample, reference.sample, metric))
        tables[one.trial.name] = [asdict(row) for row in scores]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SLICES).write_text(json.dumps(tables, indent=1) + "\n")


def _variants(tried: Sequence[Tried], plain: Sequence[Tried], metric: str) -> list[Comparison]:
    """Return what each other protocol on the same test images brings over TSTR, set by set."""
    made: list[Comparison] = []
    for base in plain:
        name, tested = base.trial.name, base.trial.tested
        same = [
            one
            for one in tried
            if one.trial.name == name
            and one.trial.tested is tested
            and one.trial.protocol != "TSTR"
            and one.trial.curve in ("", "added")
        ]
        made += compare_to(base, same, metric)
    return made


def failures_of(tried: Tried, learner: Learner, folder: Path) -> list[Failure]:
    """Return the worst failures of the first seed's model; their pictures are written."""
    name, made = tried.trial.name, []
    worst = learner.task.failures(tried.predictions[0], tried.trial.tested)[:FAILURES]
    for number, one in enumerate(worst):
        if one.get("drawn") is None:
            continue
        picture = f"failure-{digest(name)[:8]}-{number}.jpg"
        write_picture(folder, picture, one["drawn"])
        made.append(Failure(name, picture, float(one["cost"]), str(one["text"])))
    return made


def _provenance(
    request: Request, real: Opened, synthetic: Sequence[Opened], found: Evaluation
) -> dict[str, Any]:
    settings = request.settings
    return {
        "simkit": version("simkit"),
        "task": request.task,
        "options": dict(request.options),
        "trainer": request.trainer,
        "features": request.features,
        "protocols": list(request.protocols),
        "seeds": settings.seeds,
        "folds": settings.folds,
        "group_by": settings.group_by,
        "resamples": request.resamples,
        "training_seconds": round(sum(one.seconds for one in found.scores), 1),
        "rules": list(RULES),
        "sets": {
            one.name: {
                "url": one.url,
                "content": digest(one.examples.column("content_hash")),
                "images": len(one.examples),
            }
            for one in (real, *synthetic)
        },
        "real": REAL,
    }
