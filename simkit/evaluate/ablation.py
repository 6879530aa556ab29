"""One factor at a time on a small fixed budget, with a real test set: what each is worth.

The protocol of WMGStereo (arXiv 2504.16930): the same number of images, the same training and the same
real test images for each variant; a variant differs from the baseline in one factor. The random
streams of all other factors are the same, too, so that the images differ in nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from simkit.config import Config, load_config
from simkit.errors import ConfigError, PhysicsError, RenderError, SceneError
from simkit.evaluate.bootstrap import RESAMPLES, difference_interval, seed_variance
from simkit.evaluate.factors import Factor, factors_of
from simkit.evaluate.folds import groups_of
from simkit.evaluate.learners import Learner
from simkit.evaluate.opening import Opened, check_is_data_set, open_sets
from simkit.evaluate.protocols import Settings, tstr
from simkit.evaluate.storing import RunStore
from simkit.evaluate.trying import Tried, Watch, score_of, try_all
from simkit.generation import generate
from simkit.metrics.two_sample import holm
from simkit.tasks.examples import open_examples

BASELINE = "baseline"

SETS = "sets"
"""Folder of the data sets that are made, in the folder of the ablation."""

Making = Callable[[str, int, int], None]
"""Is given the name of a data set, images made, and images in all."""


@dataclass(frozen=True)
class Worth:
    """What one factor brings: the baseline's score without it taken from the baseline's.

    Attributes:
        score, low, high: without the factor.
        worth: baseline - without; positive: the baseline does well to have it.
        worth_low, worth_high: 95 % over test images and seeds, the seeds' variance pooled over all sets.
        p: of no worth at all, corrected for the number of factors (Holm).
    """

    factor: str
    text: str
    overrides: dict[str, Any]
    score: float
    low: float
    high: float
    worth: float
    worth_low: float
    worth_high: float
    p: float
    seeds: list[float]


@dataclass(frozen=True)
class Ablation:
    """The table of an ablation, most worth first.

    Attributes:
        seed_std: standard deviation between seeds, pooled over all sets.
        failed: factors whose images cannot be made, with the reason.
    """

    metric: str
    task: str
    images: int
    tested_on: int
    baseline: float
    baseline_low: float
    baseline_high: float
    baseline_seeds: list[float]
    seed_std: float
    seconds: float
    rows: list[Worth]
    failed: dict[str, str]

    def write(self, folder: Path) -> None:
        """Write ``ablation.json`` and ``ablation.md``."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ablation.json").write_text(json.dumps(asdict(self), indent=1) + "\n")
        (folder / "ablation.md").write_text(self.markdown())

    def markdown(self) -> str:
        """Return the table as Markdown, in points."""
        seeds = f"{len(self.baseline_seeds)} seeds"
        span = f"{100 * self.baseline_low:.1f} to {100 * self.baseline_high:.1f}"
        lines = [
            f"Baseline: {100 * self.baseline:.1f} {self.metric} ({span}) on {self.tested_on} real "
            f"images, trained on {self.images} synthetic ones, {seeds}.",
            "",
            "| without | score | worth | 95 % | p | what is changed |",
            "|---|---:|---:|---|---:|---|",
        ]
        lines += [
            f"| {one.factor} | {100 * one.score:.1f} | {100 * one.worth:+.1f} | "
            f"{100 * one.worth_low:+.1f} to {100 * one.worth_high:+.1f} | {one.p:.2g} | {one.text} |"
            for one in self.rows
        ]
        lines += [f"\nNot made: {name}: {why}" for name, why in self.failed.items()]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, eq=False)
class AblationRequest:
    """What is to be ablated.

    Attributes:
        config: the baseline.
        real: data set of real photos to test on.
        factors: see `simkit.evaluate.factors.factors_of`.
        n, seed: images of each set, and the seed they are made with.
        group_by: what keeps real images together, see `simkit.evaluate.folds.groups_of`.
    """

    config: Config
    real: str
    factors: str
    learner: Learner
    n: int = 300
    seed: int = 0
    seeds: int = 2
    categories: tuple[str, ...] = ()
    group_by: str = ""
    resamples: int = RESAMPLES


def ablate(
    request: AblationRequest,
    out: str | Path,
    making: Making | None = None,
    watch: Watch | None = None,
) -> Ablation:
    """Return what each factor is worth; data sets and trainings go to `out`, and are resumed there.

    Raises:
        ConfigError, DatasetError: before any work.
    """
    folder = Path(out)
    factors = factors_of(request.config, request.factors)
    names = [BASELINE, *(one.name for one in factors)]
    if len(set(names)) < len(names):
        raise ConfigError(f"factors: a name stands twice, or is '{BASELINE}': {', '.join(names)}")
    check_is_data_set(request.real)
    groups_of(open_examples(request.real), request.group_by)
    failed = {}
    for factor in (Factor(BASELINE, {}), *factors):
        try:
            _make(request, factor, folder, making)
            if factor.name == BASELINE:
                open_sets(request.real, [str(folder / SETS / BASELINE)], request.categories)
        except (SceneError, PhysicsError, RenderError) as error:
            if factor.name == BASELINE:
                raise
            failed[factor.name] = str(error)
    factors = [one for one in factors if one.name not in failed]
    names = [name for name in names if name not in failed]
    real, sets = open_sets(
        request.real, [str(folder / SETS / name) for name in names], request.categories
    )
    settings = Settings(seeds=request.seeds, group_by=request.group_by)
    named = [
        Opened(name, one.url, one.role, one.examples) for name, one in zip(names, sets, strict=True)
    ]
    trials = [tstr(one.name, one.examples, real.examples, settings) for one in named]
    store = RunStore(folder / "runs")
    tried = try_all(trials, request.learner, store, settings, request.resamples, watch)
    found = _tabled(tried, factors, failed, request)
    found.write(folder)
    return found


def _make(request: AblationRequest, factor: Factor, folder: Path, making: Making | None) -> None:
    """Make a factor's images, or go on with them."""
    config = load_config(request.config, factor.strings())
    told = None if making is None else partial(making, factor.name)
    generate(config, folder / SETS / factor.name, n=request.n, seed=request.seed, progress=told)


def _tabled(
    tried: Sequence[Tried],
    factors: Sequence[Factor],
    failed: dict[str, str],
    request: AblationRequest,
) -> Ablation:
    metric = request.learner.metric
    pooled = seed_variance([one.sample.of(metric)[0] for one in tried])
    base, *others = tried
    gaps = [difference_interval(base.sample, one.sample, metric, pooled) for one in others]
    corrected = holm([one.p for one in gaps])
    rows = []
    for factor, one, gap, p in zip(factors, others, gaps, corrected, strict=True):
        score = score_of(one, request.learner, pooled)
        rows.append(
            Worth(
                factor=factor.name,
                text=factor.text,
                overrides=factor.overrides,
                score=score.value,
                low=score.low,
                high=score.high,
                worth=gap.value,
                worth_low=gap.low,
                worth_high=gap.high,
                p=p,
                seeds=score.seeds,
            )
        )
    whole = score_of(base, request.learner, pooled)
    return Ablation(
        metric=metric,
        task=request.learner.name,
        images=whole.trained_on,
        tested_on=whole.tested_on,
        baseline=whole.value,
        baseline_low=whole.low,
        baseline_high=whole.high,
        baseline_seeds=whole.seeds,
        seed_std=float(np.sqrt(pooled.variance)),
        seconds=round(sum(one.seconds for one in tried), 1),
        rows=sorted(rows, key=lambda row: -row.worth),
        failed=failed,
    )
