"""The loop in which all tasks train: one optimizer, one schedule, averaged weights, no surprises.

On a CPU the same seed gives the same weights, bit for bit, with the same number of threads. Batches
and whatever is drawn within them are a function of (seed, step), never of what ran before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from simkit.errors import ConfigError
from simkit.options import setting
from simkit.randomness import stream
from simkit.tasks.contract import Progress
from simkit.tasks.examples import Examples
from simkit.timing import now

Losses = dict[str, Tensor]
"""Scalars by name; their sum is what is minimized."""

FIRST_STEPS = 2
"""Left out of the time of a step: kernels are chosen and memory is claimed in them."""


@dataclass(frozen=True)
class TrainingOptions:
    """How long, how fast and on what."""

    steps: int = setting(1500, low=1, help="optimizer steps")
    batch: int = setting(16, low=1, help="images a step")
    optimizer: str = setting("adamw", allowed=["adamw", "sgd"], help="sgd has momentum 0.9")
    learning_rate: float = setting(1e-3, low=0.0, help="of new layers, at its peak")
    backbone_rate: float = setting(
        0.5, low=0.0, help="learning rate of pretrained layers, as a multiple of learning_rate"
    )
    weight_decay: float = setting(1e-4, low=0.0, help="decoupled; not of biases and norms")
    warm_up: float = setting(0.05, low=0.0, high=1.0, help="share of the steps; then a cosine to 0")
    average: float = setting(
        0.99, low=0.0, high=0.99999, help="decay of the averaged weights, which are kept; 0: none"
    )
    clip: float = setting(10.0, low=0.0, help="largest norm of the gradient; 0: any")
    device: str = setting("auto", help="auto (a GPU if there is one), cpu, or as torch names it")
    threads: int = setting(0, low=0, help="of torch while it trains; 0: as torch is set")


@dataclass(frozen=True)
class Trained:
    """What a run of the loop took and came to.

    Attributes:
        seconds: of the whole loop.
        seconds_a_step: the median, batches included.
        history: (step, losses) now and then.
    """

    seconds: float
    seconds_a_step: float
    steps: int
    threads: int
    device: str
    history: list[tuple[int, dict[str, float]]] = field(default_factory=list)


def fit(
    network: nn.Module,
    batch_of: Callable[[int], Any],
    losses_of: Callable[[nn.Module, Any, float], Losses],
    options: TrainingOptions,
    *,
    backbone: Iterable[nn.Parameter] = (),
    progress: Progress | None = None,
    reports: int = 20,
) -> Trained:
    """Train `network` in place; it ends in evaluation mode, with averaged weights, on the CPU.

    Args:
        network: whatever requires a gradient is trained. Buffers (batch statistics) are averaged too.
        batch_of: batch of a step, tensors on the device that `device_of` names; a pure function.
        losses_of: named losses of (network, batch, progress in 0 to 1).
        options: see `TrainingOptions`.
        backbone: pretrained parameters, which learn at ``backbone_rate``.
        progress: is told `reports` times.
        reports: how often losses are read, which makes a GPU wait.

    Raises:
        ConfigError: there is no such device, or the loss is no number.
    """
    device = device_of(options)
    network.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = _optimizer(network, backbone, options)
    average = {name: value.detach().clone() for name, value in _averaged(network)}
    history, seconds, start = [], [], now()
    every = max(1, options.steps // max(reports, 1))
    with _threads(options.threads):
        for step in range(options.steps):
            begun = now()
            rate = schedule(step, options)
            for group in optimizer.param_groups:
                group["lr"] = rate * group["factor"]
            losses = losses_of(network, batch_of(step), step / options.steps)
            total = torch.stack(list(losses.values())).sum()
            optimizer.zero_grad(set_to_none=True)
            total.backward()
            if options.clip > 0:
                nn.utils.clip_grad_norm_(network.parameters(), options.clip)
            optimizer.step()
            _follow(average, network, options.average, step)
            if (step + 1) % every == 0 or step + 1 == options.steps:
                history.append((step + 1, _read(losses, rate)))
                if progress is not None:
                    progress(step + 1, options.steps, history[-1][1])
            seconds.append(now() - begun)
        used = torch.get_num_threads()
    if options.average > 0:
        with torch.no_grad():
            for name, value in _averaged(network):
                value.copy_(average[name])
    network.cpu().eval()
    paces = sorted(seconds[FIRST_STEPS:] or seconds)
    return Trained(now() - start, paces[len(paces) // 2], options.steps, used, str(device), history)


def device_of(options: TrainingOptions) -> torch.device:
    """Return the device that is meant.

    Raises:
        ConfigError: there is none of that name here.
    """
    if options.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(options.device)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"device: '{options.device}' is not here ({reason}); try cpu") from None
    return device


def schedule(step: int, options: TrainingOptions) -> float:
    """Return the learning rate at a step: up in a straight line, down along a half cosine.

    Loshchilov and Hutter, SGDR, ICLR 2017, equation 5, without restarts.
    """
    warm = max(1, round(options.warm_up * options.steps))
    if step < warm:
        return options.learning_rate * (step + 1) / warm
    done = (step - warm) / max(1, options.steps - warm)
    return options.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def order(count: int, batch: int, step: int, seed: int, name: str = "order") -> list[int]:
    """Return the places of a step's images: every image once an epoch, in an order of its own.

    Args:
        count: number of images.
        batch: images a step; the last of an epoch is filled from the next.
        step: from 0.
        seed: of all orders.
        name: of the random stream.
    """
    places: list[int] = []
    for number in range(step * batch, (step + 1) * batch):
        epoch, place = divmod(number, count)
        if not places or place == 0:
            shuffled = stream(seed, epoch, name).permutation(count)
        places.append(int(shuffled[place]))
    return places


def places_of(
    examples: Examples, options: TrainingOptions, step: int, seed: int, name: str = "order"
) -> list[int]:
    """Return the places of a step's images: in turn, or drawn by the examples' own weights.

    Examples that have ``weights(progress)``, (N,) probabilities, decide what is drawn when
    (`simkit.evaluate.mixing.Mixture`); all others come once an epoch, see `order`.
    """
    weights = getattr(examples, "weights", None)
    if weights is None:
        return order(len(examples), options.batch, step, seed, name)
    shares = weights(step / options.steps)
    drawn = stream(seed, step, f"{name} by weights").choice(len(examples), options.batch, p=shares)
    return [int(place) for place in drawn]


def _optimizer(
    network: nn.Module, backbone: Iterable[nn.Parameter], options: TrainingOptions
) -> torch.optim.Optimizer:
    """Return an optimizer with groups by (pretrained or new) and (decays or not)."""
    old = {id(one) for one in backbone}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for one in network.parameters():
        if one.requires_grad:
            groups.setdefault((id(one) in old, one.ndim > 1), []).append(one)
    if not groups:
        raise ConfigError("network: all of it is frozen; free some layers")
    made = [
        {
            "params": parameters,
            "factor": options.backbone_rate if pretrained else 1.0,
            "weight_decay": options.weight_decay if decays else 0.0,
        }
        for (pretrained, decays), parameters in groups.items()
    ]
    if options.optimizer == "sgd":
        return torch.optim.SGD(made, lr=options.learning_rate, momentum=0.9, nesterov=True)
    return torch.optim.AdamW(made, lr=options.learning_rate)


def _averaged(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield what is averaged: trained parameters, and floating buffers."""
    for name, one in network.named_parameters():
        if one.requires_grad:
            yield name, one
    for name, buffer in network.named_buffers():
        if buffer.is_floating_point():
            yield name, buffer


@torch.no_grad()
def _follow(average: dict[str, Tensor], network: nn.Module, decay: float, step: int) -> None:
    """Move the averages towards the weights; faster while they are young, to forget the start."""
    if decay <= 0:
        return
    weight = 1 - min(decay, (1 + step) / (10 + step))
    values = dict(_averaged(network))
    torch._foreach_lerp_(list(average.values()), [values[name] for name in average], weight)


def _read(losses: Losses, rate: float) -> dict[str, float]:
    values = {name: float(value.detach()) for name, value in losses.items()}
    for name, value in values.items():
        if not math.isfinite(value):
            raise ConfigError(f"learning_rate: the loss '{name}' is {value}; lower the rate")
    return {**values, "learning_rate": rate}


@contextmanager
def _threads(wanted: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(wanted or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
