"""What a trained model is made with, and how it lies in a folder.

``model.safetensors`` holds the network, ``card.json`` says what it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from simkit.errors import ConfigError, DatasetError
from simkit.options import build, to_config
from simkit.tasks.examples import Examples
from simkit.tasks.training import Trained

WEIGHTS, CARD = "model.safetensors", "card.json"

T = TypeVar("T")


def given_options(kind: type[T], options: T | Mapping[str, Any] | None) -> T:
    """Return a task's options, made of plain data if need be; `ConfigError` if that is not right."""
    if isinstance(options, kind):
        return options
    return build(kind, options)


def check_categories(known: Sequence[str], examples: Examples) -> None:
    """Raise `ConfigError` unless examples have the categories that a model knows, in its order."""
    if examples.categories != tuple(known):
        raise ConfigError(
            f"categories: the model knows {', '.join(known)}; the examples have "
            f"{', '.join(examples.categories)}; open them with the model's, in this order"
        )


def save_network(
    folder: str | Path,
    network: nn.Module,
    task: str,
    options: Any,
    trained: Trained | None,
    **more: Any,
) -> Path:
    """Write a network's parameters and buffers, and a card, to a folder; return it.

    Args:
        folder: is made if need be.
        network: on any device.
        task: its registered name.
        options: the task's.
        trained: what training took.
        more: further plain data of the card.
    """
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(state, path / WEIGHTS)
    card = {"task": task, **more, "options": to_config(options)}
    card["trained"] = asdict(trained) if trained is not None else None
    (path / CARD).write_text(json.dumps(card, indent=1) + "\n")
    return path


def read_card(folder: str | Path, *tasks: str) -> dict[str, Any]:
    """Return the card of a model of one of `tasks`.

    Raises:
        DatasetError: there is none, or it is of another task.
    """
    file = Path(folder) / CARD
    try:
        card = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise DatasetError(f"{file}: is no card of a trained model: {error}") from None
    if not isinstance(card, dict) or card.get("task") not in tasks:
        found = card.get("task") if isinstance(card, dict) else None
        raise DatasetError(f"{file}: is of the task '{found}', not of '{' or '.join(tasks)}'")
    return card


def read_weights(folder: str | Path, network: nn.Module) -> None:
    """Give a network the weights that `save_network` wrote; nothing in the file is run.

    Raises:
        DatasetError: they are not there, damaged, or of another network.
    """
    file = Path(folder) / WEIGHTS
    try:
        network.load_state_dict(load_file(file))
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise DatasetError(f"{file}: are no weights of this network: {reason}") from None
