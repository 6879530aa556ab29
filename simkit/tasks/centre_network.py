"""The detector's network: backbone, pyramid, heads, and what an adversary sees of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from simkit.backbone import EfficientNetLite0
from simkit.tasks.trunk import Trunk

PRIOR = 0.01
"""Probability of a centre that the heat maps begin with (Lin et al., Focal Loss, ICCV 2017)."""

CRITIC_WIDTH = 64


@dataclass(frozen=True)
class Maps:
    """What the network says of a batch.

    Attributes:
        heat: (B, h, w) logits of a centre.
        classes: (B, C, h, w) logits of the classes of what a place belongs to.
        reach: (B, 4, h, w) distances [strides] from a place to left, top, right, bottom, positive.
        features: (B, width, h, w), of which both are made.
        deep: (B, 320, H / 32, W / 32), the backbone's last map.
    """

    heat: Tensor
    classes: Tensor
    reach: Tensor
    features: Tensor
    deep: Tensor


class CentreNetwork(nn.Module):
    """A heat map of centres, with the boxes and classes about them, at stride 8.

    Zhou, Wang and Krähenbühl, Objects as Points, 2019, on a feature pyramid (Lin et al., CVPR 2017). Two
    things make it learn in few steps: boxes are distances to four sides, learnt over all of a Gaussian
    (Liu et al., TTFNet, AAAI 2020), and so are classes, apart from the one heat map that all share.
    """

    stride = 8

    def __init__(
        self,
        backbone: EfficientNetLite0,
        classes: int,
        *,
        width: int,
        statistics: str,
        frozen_stages: int,
        drop_path: float,
        dropout: float,
        generator: torch.Generator,
    ) -> None:
        """Make it; new layers get their weights from `generator`."""
        super().__init__()
        self.trunk = Trunk(backbone, statistics, frozen_stages, drop_path)
        self.sides = nn.ModuleList(nn.Conv2d(one, width, 1) for one in Trunk.channels)
        self.merges = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=1) for _ in Trunk.channels[1:]
        )
        self.class_hidden = nn.Conv2d(width, width, 3, padding=1)
        self.reach_hidden = nn.Conv2d(width, width, 3, padding=1)
        self.heat = nn.Conv2d(width, 1, 1)
        self.classes = nn.Conv2d(width, classes, 1)
        self.reach = nn.Conv2d(width, 4, 1)
        self.dropout = dropout
        new = [*self.sides, *self.merges, self.class_hidden, self.reach_hidden]
        for layer in (*new, self.heat, self.classes, self.reach):
            _initialize(layer, generator)
        with torch.no_grad():
            self.heat.weight.mul_(0.1)
            self.classes.weight.mul_(0.1)
            self.heat.bias.fill_(-math.log((1 - PRIOR) / PRIOR))  # type: ignore[union-attr]
            self.reach.weight.mul_(0.1)
            self.reach.bias.fill_(math.log(4.0))  # type: ignore[union-attr]

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Maps:
        """Return the maps of (B, 3, H, W), H and W multiples of 32; `generator` draws dropouts."""
        maps = self.trunk(x, generator)
        merged = self.sides[-1](maps[-1])
        for place in (1, 0):
            finer = self.sides[place](maps[place])
            merged = finer + functional.interpolate(
                functional.relu(merged), scale_factor=2, mode="nearest"
            )
            merged = self.merges[place](functional.relu(merged))
        features = functional.relu(merged)
        seen = _dropped(features, self.dropout, generator)
        classes = self.classes(functional.relu(self.class_hidden(seen)))
        where = functional.relu(self.reach_hidden(features))
        heat, reach = self.heat(where)[:, 0], self.reach(where)
        return Maps(heat, classes, torch.exp(reach.clamp(max=6.0)), features, maps[-1])


class Critic(nn.Module):
    """Tells synthetic from real: by the whole image, and place by place."""

    def __init__(self, width: int, generator: torch.Generator) -> None:
        """Make it for features of `width` channels."""
        super().__init__()
        self.whole = nn.Sequential(
            nn.Linear(Trunk.channels[-1], CRITIC_WIDTH), nn.ReLU(), nn.Linear(CRITIC_WIDTH, 1)
        )
        self.places = nn.Sequential(
            nn.Conv2d(width, CRITIC_WIDTH, 1), nn.ReLU(), nn.Conv2d(CRITIC_WIDTH, 1, 1)
        )
        for layer in (*self.whole, *self.places):
            if not isinstance(layer, nn.ReLU):
                _initialize(layer, generator)

    def forward(self, maps: Maps, strength: float) -> tuple[Tensor, Tensor]:
        """Return logits of "real": (B, 1) of the images, (B, h, w) of places.

        What flows back into the network is turned round and scaled by `strength`.
        """
        deep = reverse_gradient(maps.deep.mean(dim=(2, 3)), strength)
        places = reverse_gradient(maps.features, strength)
        return self.whole(deep), self.places(places)[:, 0]


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradients[0], None


def reverse_gradient(x: Tensor, strength: float) -> Tensor:
    """Return `x`, whose gradient is multiplied by ``-strength`` (Ganin and Lempitsky, ICML 2015)."""
    reversed_: Tensor = _Reversal.apply(x, strength)
    return reversed_


def reversal_strength(progress: float) -> float:
    """Return 0 to 1 over a training: 2 / (1 + exp(-10 p)) - 1 (Ganin and Lempitsky, section 5)."""
    return 2 / (1 + math.exp(-10 * progress)) - 1


def _dropped(x: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """Leave out whole channels (Tompson et al., CVPR 2015)."""
    if generator is None or share <= 0:
        return x
    kept = torch.rand(*x.shape[:2], 1, 1, generator=generator) >= share
    return x * (kept / (1 - share)).to(x)


@torch.no_grad()
def _initialize(layer: nn.Module, generator: torch.Generator) -> None:
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)  # type: ignore[arg-type]
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
