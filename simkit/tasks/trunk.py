"""The pretrained backbone as a detector trains it: frozen in part, its batch norms folded or adapted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from simkit.backbone import TAPPED, EfficientNetLite0

STATISTICS = ("frozen", "train", "target")


class Trunk(nn.Module):
    """Stages of an `EfficientNetLite0`, from the first to the last that gives a map.

    With `statistics` "frozen" batch norms keep the statistics of ImageNet: they are folded into the
    convolutions before them, which is exact, and halves the time of a step on a CPU. Otherwise those
    of the stages that train are trained.

    Attributes:
        channels: of the maps that it returns, at strides 8, 16 and 32.
    """

    channels = EfficientNetLite0.channels[2:]

    def __init__(
        self, network: EfficientNetLite0, statistics: str, frozen_stages: int, drop_path: float
    ) -> None:
        """Take over the layers of `network`.

        Args:
            network: with its weights.
            statistics: one of `STATISTICS`.
            frozen_stages: how many stages do not train; the stem goes with the first. 0: all train.
            drop_path: share of residual branches left out, of the last block; from 0 at the first.
        """
        super().__init__()
        folded = statistics == "frozen"
        self.stem = _Folded(network.stem) if folded else network.stem
        self.stages = nn.ModuleList(
            nn.ModuleList(_Block(block, folded) for block in _sequence(stage))
            for stage in _sequence(network.stages)
        )
        self.frozen_stages = frozen_stages
        blocks = [block for stage in self.stages for block in _sequence(stage)]
        for place, block in enumerate(blocks):
            block.drop = drop_path * place / (len(blocks) - 1)
        for module in self._frozen():
            module.requires_grad_(False)

    def train(self, mode: bool = True) -> Trunk:
        """Set the mode; what is frozen stays in evaluation mode."""
        super().train(mode)
        for module in self._frozen():
            module.train(False)
        return self

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> list[Tensor]:
        """Return the maps at strides 8, 16 and 32 of (B, 3, H, W).

        Args:
            x: as `simkit.backbone.inputs_of` makes it; H and W multiples of 32.
            generator: draws what is left out; nothing is if None.
        """
        maps = []
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.frozen_stages == 0):
            x = self.stem(x)
        for place, stage in enumerate(self.stages):
            with torch.set_grad_enabled(torch.is_grad_enabled() and place >= self.frozen_stages):
                for block in _sequence(stage):
                    x = block(x, generator)
            if place in TAPPED[2:]:
                maps.append(x)
        return maps

    def _frozen(self) -> Iterator[nn.Module]:
        if self.frozen_stages > 0:
            yield self.stem
        yield from self.stages[: self.frozen_stages]


class _Block(nn.Module):
    """An inverted residual whose branch may be left out (Huang et al., Stochastic Depth, 2016)."""

    drop: float = 0.0

    def __init__(self, block: Any, folded: bool) -> None:
        super().__init__()
        wrap: Callable[[nn.Module], nn.Module] = _Folded if folded else (lambda unit: unit)
        units = [block.expand, block.depthwise, block.project]
        self.units = nn.ModuleList(
            wrap(unit) for unit in units if not isinstance(unit, nn.Identity)
        )
        self.residual = block.residual

    def forward(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        y = x
        for unit in self.units:
            y = unit(y)
        if not self.residual:
            return y
        if generator is not None and self.drop > 0:
            kept = torch.rand(len(x), 1, 1, 1, generator=generator) >= self.drop
            y = y * (kept / (1 - self.drop)).to(y)
        return x + y


class _Folded(nn.Module):
    """A convolution with its batch norm inside: w' = w g / s, b' = b - m g / s."""

    def __init__(self, unit: Any) -> None:
        super().__init__()
        old, norm = unit.conv, unit.norm
        scale = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
        self.stride, self.kernel, self.linear = unit.stride, unit.kernel, unit.linear
        self.conv = nn.Conv2d(
            old.in_channels,
            old.out_channels,
            self.kernel,
            self.stride,
            padding=self.kernel // 2 if self.stride == 1 else 0,
            groups=old.groups,
        )
        with torch.no_grad():
            self.conv.weight.copy_(old.weight * scale[:, None, None, None])
            self.conv.bias.copy_(norm.bias - norm.running_mean * scale)  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == 2:  # even sides: the odd row of padding comes after
            before = (self.kernel - 2) // 2
            after = self.kernel - 2 - before
            x = functional.pad(x, (before, after, before, after))
        x = self.conv(x)
        return x if self.linear else functional.relu6(x, inplace=True)


def _sequence(module: Any) -> Iterable[Any]:
    """Return the layers of a list of layers, of whose kind torch's types say nothing."""
    layers: Iterable[Any] = module
    return layers


def batch_norms(module: nn.Module) -> list[nn.BatchNorm2d]:
    """Return the batch norms of a module, in order."""
    return [one for one in module.modules() if isinstance(one, nn.BatchNorm2d)]


@torch.no_grad()
def adapt_statistics(
    network: nn.Module, forward: Callable[[Tensor], object], batches: Iterable[Tensor]
) -> None:
    """Set batch norms to the mean and variance of other images (Li et al., AdaBN, 2016).

    Statistics are those of all batches together: means of means and of second moments, which is
    exact where batches are equally large.

    Args:
        network: in evaluation mode; left in it.
        forward: runs it.
        batches: of unlabelled images of the target domain.
    """
    norms = batch_norms(network)
    momenta = [norm.momentum for norm in norms]
    moments = {id(norm): _Moments() for norm in norms}

    def gather(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        moments[id(norm)].add(inputs[0].double())

    hooks = [norm.register_forward_pre_hook(gather) for norm in norms]
    for norm in norms:  # what follows a norm is to see what it will see: normalized by these images
        norm.train()
        norm.momentum = 0.0
    try:
        for batch in batches:
            forward(batch)
    finally:
        for hook, norm, momentum in zip(hooks, norms, momenta, strict=True):
            hook.remove()
            norm.momentum = momentum
            norm.eval()
    for norm in norms:
        mean, variance = moments[id(norm)].unbiased()
        norm.running_mean.copy_(mean)  # type: ignore[union-attr]
        norm.running_var.copy_(variance)  # type: ignore[union-attr]


class _Moments:
    """Sums over all but channels."""

    def __init__(self) -> None:
        self.total: Tensor | float = 0.0
        self.squares: Tensor | float = 0.0
        self.count = 0

    def add(self, x: Tensor) -> None:
        """Take in (B, C, H, W)."""
        self.total = self.total + x.sum(dim=(0, 2, 3))
        self.squares = self.squares + (x * x).sum(dim=(0, 2, 3))
        self.count += x.numel() // x.shape[1]

    def unbiased(self) -> tuple[Tensor, Tensor]:
        """Return mean and variance (C,)."""
        mean = torch.as_tensor(self.total) / self.count
        variance = torch.as_tensor(self.squares) / self.count - mean**2
        return mean, variance.clamp(min=0) * self.count / max(self.count - 1, 1)
