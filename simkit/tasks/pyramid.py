"""A decoder over the pretrained backbone: one fine map of its coarse ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from simkit.backbone import EfficientNetLite0
from simkit.tasks.trunk import Trunk

GROUPS = 8
"""Of the group norms: batches may be small."""


class Pyramid(nn.Module):
    """(B, 3, H, W) to (B, width, H / 4, W / 4); H and W are multiples of 32.

    The backbone's maps at strides 32, 16 and 8 are merged from the coarsest to the finest (Lin et al.,
    Feature Pyramid Networks for Object Detection, CVPR 2017), and the result is enlarged once more.
    """

    stride = 4

    def __init__(
        self,
        backbone: EfficientNetLite0,
        width: int,
        frozen_stages: int,
        generator: torch.Generator,
    ) -> None:
        """Make it; new layers get their weights from `generator`.

        Args:
            backbone: with its weights; its batch norms keep their statistics.
            width: channels, a multiple of `GROUPS`.
            frozen_stages: of the backbone, which do not train.
            generator: of weights.
        """
        super().__init__()
        self.trunk = Trunk(backbone, "frozen", frozen_stages, drop_path=0.0)
        self.sides = nn.ModuleList(nn.Conv2d(one, width, 1) for one in Trunk.channels)
        self.merges = nn.ModuleList(unit(width, width) for _ in range(len(Trunk.channels) + 1))
        for part in (self.sides, self.merges):
            seed_weights(part, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Return the map of what `simkit.backbone.inputs_of` gives."""
        maps = self.trunk(x)
        merged = self.merges[-1](self.sides[-1](maps[-1]))
        for place in (1, 0):
            side = self.sides[place](maps[place])
            merged = self.merges[place + 1](side + _doubled(merged))
        finest: Tensor = self.merges[0](_doubled(merged))
        return finest


def unit(inputs: int, outputs: int) -> nn.Sequential:
    """Return a 3 x 3 convolution with norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.GroupNorm(GROUPS, outputs),
        nn.ReLU(),
    )


def seed_weights(module: nn.Module, generator: torch.Generator, scale: float = 1.0) -> None:
    """Give the layers of a module their initial weights: He-normal times `scale`, from a generator."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            with torch.no_grad():
                layer.weight.mul_(scale)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="nearest")
