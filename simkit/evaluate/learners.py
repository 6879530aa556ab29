"""What is trained: a task with its options, or anyone's own trainer, scored by a task."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from simkit import registry
from simkit.errors import ConfigError, PluginError, did_you_mean
from simkit.evaluate.mixing import Mixture
from simkit.evaluate.storing import Run, RunStore, content_of
from simkit.options import build, to_config
from simkit.tasks.contract import Outcome, Predictor, Progress, Task
from simkit.tasks.examples import Examples
from simkit.timing import now


@dataclass(frozen=True, eq=False)
class Training:
    """One training and the images that its model is tested on.

    Attributes:
        target: images whose labels are not looked at, for adaptation.
        keep: whether the model is saved, too, if it can be.
    """

    examples: Examples
    tested: Examples
    seed: int
    target: Examples | None = None
    keep: bool = False


@dataclass(frozen=True, eq=False)
class Learner:
    """A trainer and what scores it.

    Attributes:
        name: of the task.
        task: scores; trains, too, unless there is a `trainer`.
        options: the task's, as plain data.
        trainer: ``train(examples) -> predictor``; it may take ``seed`` and ``target`` as keywords.
        trainer_name: ``package.module:function``, "" if there is none.
    """

    name: str
    task: Task[Any]
    options: dict[str, Any] = field(default_factory=dict)
    trainer: Callable[..., Predictor[Any]] | None = None
    trainer_name: str = ""

    @property
    def metric(self) -> str:
        """Name of the score that decides."""
        return self.task.metrics[0]

    def check(self, training: Training) -> None:
        """Raise `ConfigError` if this training asks for what the trainer does not do."""
        trainer: Any = self.trainer or self.task
        name = self.trainer_name or self.name
        follows = getattr(trainer, "draws_by_weights", False)
        if isinstance(training.examples, Mixture) and not follows:
            raise ConfigError(
                f"{name}: draws its images evenly, so that shares cannot change during training; "
                "draw them by examples.weights(progress), and say so by an attribute "
                "draws_by_weights = True"
            )
        if training.target is not None and self.trainer and "target" not in _keywords(self.trainer):
            raise ConfigError(f"{name}: takes no target images; give it a keyword 'target'")

    def train(
        self,
        examples: Examples,
        seed: int,
        target: Examples | None = None,
        progress: Progress | None = None,
    ) -> Predictor[Any]:
        """Return a trained model.

        Raises:
            PluginError: an own trainer returns something that has no ``predict``.
        """
        if self.trainer is None:
            return self.task.train(examples, seed=seed, target=target, progress=progress)
        given = {"seed": seed, "target": target, "progress": progress}
        taken = _keywords(self.trainer)
        model = self.trainer(examples, **{key: given[key] for key in given if key in taken})
        if not callable(getattr(model, "predict", None)):
            raise PluginError(
                f"{self.trainer_name}: returned a {type(model).__name__} without predict(examples)"
            )
        return model

    def outcome(self, predictions: Sequence[Any], examples: Examples) -> Outcome:
        """Return predictions held against the truth."""
        return self.task.outcome(predictions, examples)

    def identity(self) -> dict[str, Any]:
        """Return what determines a training, but its images and seed."""
        return {
            "task": self.name,
            "options": self.options,
            "trainer": self.trainer_name,
            "simkit": version("simkit"),
        }

    def code(self) -> str:
        """Return a hash of the source of the trainer's module, "" if it has none."""
        module = sys.modules.get((self.trainer or type(self.task)).__module__)
        try:
            return hashlib.sha256(inspect.getsource(module).encode()).hexdigest()  # type: ignore[arg-type]
        except (OSError, TypeError):
            return ""


def load_learner(task: str, options: Mapping[str, Any] | None = None, trainer: str = "") -> Learner:
    """Return a learner by its names.

    Args:
        task: registered name, or ``package.module:Class`` of a `Task`.
        options: the task's.
        trainer: ``package.module:function`` of an own trainer, "" for the task's.

    Raises:
        ConfigError: an option is wrong.
        PluginError: a name is unknown or does not load.
    """
    plugin = load_object("task", task) if ":" in task else registry.load("tasks", task)
    if not (isinstance(plugin, type) and issubclass(plugin, Task)):
        raise PluginError(f"task: {task} is no class of simkit.tasks.contract.Task")
    made, resolved = _made(plugin, dict(options or {}))
    own = load_object("trainer", trainer) if trainer else None
    if own is not None and not callable(own):
        raise PluginError(f"trainer: {trainer} cannot be called; name a function train(examples)")
    return Learner(task, made, resolved, own, trainer)


def load_object(key: str, name: str) -> Any:
    """Return what ``package.module:name`` names; modules in the working folder are found, too.

    Raises:
        PluginError: there is no such module, or nothing of that name in it.
    """
    module, colon, path = name.partition(":")
    if not colon or not module or not path:
        raise PluginError(f"{key}: '{name}': write package.module:name")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)
    try:
        found: Any = importlib.import_module(module)
    except ImportError as error:
        raise PluginError(f"{key}: {module} does not import: {error}") from None
    for part in path.split("."):
        if not hasattr(found, part):
            public = [one for one in vars(found) if not one.startswith("_")]
            raise PluginError(f"{key}: {name}: {did_you_mean(part, public)}")
        found = getattr(found, part)
    return found


def trained(
    learner: Learner, training: Training, store: RunStore, progress: Progress | None = None
) -> tuple[Run, bool]:
    """Return a training's run, and whether it was stored before; it is stored as it finishes."""
    identity, code = run_identity(learner, training), learner.code()
    found = store.read(identity, code)
    if found is not None and len(found.predictions) == len(training.tested):
        return found, True
    start = now()
    model = learner.train(training.examples, training.seed, training.target, progress)
    seconds = now() - start
    predictions = list(model.predict(training.tested))
    if len(predictions) != len(training.tested):
        raise PluginError(
            f"{learner.trainer_name or learner.name}: predicted {len(predictions)} images of "
            f"{len(training.tested)}"
        )
    run = Run(predictions, seconds)
    store.write(identity, code, run)
    save = getattr(model, "save", None)
    if training.keep and callable(save):
        save(model_path(learner, training, store))
    return run, False


def model_path(learner: Learner, training: Training, store: RunStore) -> Path:
    """Return where a training's model is saved, if it can be."""
    return store.path(run_identity(learner, training)).with_suffix(".model")


def run_identity(learner: Learner, training: Training) -> dict[str, Any]:
    """Return all that determines a run but the code."""
    return {
        **learner.identity(),
        "seed": training.seed,
        "trained_on": content_of_examples(training.examples),
        "tested_on": content_of_examples(training.tested),
        "target": None if training.target is None else content_of_examples(training.target),
    }


def content_of_examples(examples: Examples) -> str:
    """Return a hash of images, labels, categories, their order, and how their shares change."""
    return content_of(
        examples.column("content_hash"),
        categories=examples.categories,
        min_visib_fract=examples.min_visib_fract,
        knots=getattr(examples, "knots", None),
        synthetic=getattr(examples, "synthetic", None),
    )


def _made(plugin: Any, options: dict[str, Any]) -> tuple[Task[Any], dict[str, Any]]:
    kind = getattr(plugin, "Options", None)
    if kind is None:
        if options:
            raise ConfigError(f"task: {plugin.__name__} has no options, so none can be set")
        return plugin(), {}
    checked = build(kind, options, "task")
    return plugin(checked), to_config(checked)


def _keywords(function: Callable[..., Any]) -> tuple[str, ...]:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return ()
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
        return ("seed", "target", "progress")
    return tuple(parameters)
