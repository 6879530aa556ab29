"""The loop: it learns, it repeats itself bit for bit, and says what is wrong."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from simkit.errors import ConfigError
from simkit.options import build
from simkit.tasks.training import TrainingOptions, device_of, fit, order, schedule


def line(options: dict[str, object], *, seed: int = 0) -> tuple[nn.Linear, list[int]]:
    """Fit y = 2 x0 - 3 x1 + 1."""
    network = nn.Linear(2, 1)
    with torch.no_grad():
        network.weight.fill_(0.1)
        network.bias.zero_()

    def batch_of(step: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed * 1000 + step)
        return torch.randn(16, 2, generator=generator)

    def losses_of(model: nn.Module, x: Tensor, _: float) -> dict[str, Tensor]:
        wanted = x @ torch.tensor([[2.0], [-3.0]]) + 1
        return {"square": ((model(x) - wanted) ** 2).mean()}

    told: list[int] = []
    made = build(TrainingOptions, {"steps": 150, "learning_rate": 0.1, **options, "device": "cpu"})
    fit(network, batch_of, losses_of, made, progress=lambda step, *_: told.append(step))
    return network, told


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_learns_a_line_and_tells_of_it(optimizer: str) -> None:
    network, told = line({"optimizer": optimizer, "average": 0.5, "weight_decay": 0.0})
    torch.testing.assert_close(network.weight.data, torch.tensor([[2.0, -3.0]]), atol=0.02, rtol=0)
    assert told[-1] == 150
    assert len(told) >= 15
    assert not network.training


def test_same_seed_same_weights_and_another_others() -> None:
    first, again, other = (line({"steps": 20}, seed=seed)[0] for seed in (0, 0, 1))
    assert torch.equal(first.weight, again.weight)
    assert not torch.equal(first.weight, other.weight)


def test_average_lags_behind_the_weights() -> None:
    last, average = (line({"steps": 30, "average": decay})[0] for decay in (0.0, 0.99))
    wanted = torch.tensor([[2.0, -3.0]])
    assert (average.weight - wanted).norm() > (last.weight - wanted).norm()


def test_pretrained_and_frozen_parameters() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 1))
    network[0].requires_grad_(False)
    before = [layer.weight.detach().clone() for layer in network]
    options = build(
        TrainingOptions, {"steps": 3, "backbone_rate": 0.0, "average": 0.0, "device": "cpu"}
    )
    fit(
        network,
        lambda step: torch.ones(4, 2),
        lambda model, x, _: {"a": model(x).mean()},
        options,
        backbone=network[1].parameters(),
    )
    moved = [not torch.equal(a, layer.weight) for a, layer in zip(before, network, strict=True)]
    assert moved == [False, False, True]


def test_schedule_warms_up_and_cools_down() -> None:
    options = build(TrainingOptions, {"steps": 100, "learning_rate": 2.0, "warm_up": 0.1})
    rates = [schedule(step, options) for step in range(100)]
    assert rates[0] == pytest.approx(0.2)
    assert max(rates) == rates[10] == pytest.approx(2.0)
    assert rates[55] == pytest.approx(2.0 * 0.5 * (1 + math.cos(math.pi / 2)))
    assert rates[-1] < 0.01
    assert all(a > b for a, b in pairwise(rates[10:]))


@pytest.mark.parametrize(("count", "batch"), [(10, 4), (3, 8), (7, 7)])
def test_each_image_comes_once_an_epoch(count: int, batch: int) -> None:
    drawn = [place for step in range(21) for place in order(count, batch, step, seed=5)]
    for epoch in range(len(drawn) // count):
        assert sorted(drawn[epoch * count : (epoch + 1) * count]) == list(range(count))
    assert drawn[:count] != drawn[count : 2 * count] or count < 4
    assert order(count, batch, 4, seed=5) == drawn[4 * batch : 5 * batch]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="device: 'nonsense'"):
        device_of(build(TrainingOptions, {"device": "nonsense"}))
    with pytest.raises(ConfigError, match="optimizer"):
        build(TrainingOptions, {"optimizer": "lion"})
    with pytest.raises(ConfigError, match="loss 'square'"):
        line({"learning_rate": 1e30, "optimizer": "sgd", "clip": 0.0})
    frozen = nn.Linear(2, 1).requires_grad_(False)
    with pytest.raises(ConfigError, match="frozen"):
        fit(frozen, lambda _: None, lambda *_: {}, build(TrainingOptions, {"device": "cpu"}))
