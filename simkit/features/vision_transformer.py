"""ViT-S/14 as DINOv2 has it; parameters are named as in its published state dict.

Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021; Oquab et al., DINOv2: Learning Robust
Visual Features without Supervision, TMLR 2024.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

PATCH, DEPTH, WIDTH, HEADS = 14, 12, 384, 6

GRID = 37
"""Patches a side for which positions were learned: images of 518 px."""

OFFSET = 0.1
"""Added to the number of patches when positions are interpolated, as in DINOv2's training."""

EPSILON = 1e-6
"""Of the layer norms."""


class VisionTransformer(nn.Module):
    """ViT-S/14 with layer scale; gives the class token behind the last norm."""

    def __init__(self) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.pos_embed = nn.Parameter(torch.zeros(1, GRID**2 + 1, WIDTH))
        self.mask_token = nn.Parameter(torch.zeros(1, WIDTH))
        self.patch_embed = _PatchEmbedding()
        self.blocks = nn.ModuleList([_Block() for _ in range(DEPTH)])
        self.norm = nn.LayerNorm(WIDTH, EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, 384) of images (B, 3, H, W), whose sides are multiples of 14."""
        rows, columns = (side // PATCH for side in x.shape[2:])
        tokens = self.patch_embed(x)
        first = self.cls_token + self.pos_embed[:, :1]
        tokens = tokens + self._positions(rows, columns)
        tokens = torch.cat([first.expand(len(x), -1, -1), tokens], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)[:, 0]

    def _positions(self, rows: int, columns: int) -> Tensor:
        """Return (1, rows x columns, WIDTH): the learned positions, bicubic where the grid differs."""
        learned = self.pos_embed[:, 1:]
        if (rows, columns) == (GRID, GRID):
            return learned
        maps = learned.reshape(1, GRID, GRID, WIDTH).permute(0, 3, 1, 2)
        factors = [(rows + OFFSET) / GRID, (columns + OFFSET) / GRID]
        maps = functional.interpolate(maps, scale_factor=factors, mode="bicubic")
        return maps.flatten(2).transpose(1, 2)


class _PatchEmbedding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, WIDTH, PATCH, PATCH)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x).flatten(2).transpose(1, 2)


class _Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH, EPSILON), nn.LayerNorm(WIDTH, EPSILON)
        self.attn = _Attention()
        self.ls1, self.ls2 = _LayerScale(), _LayerScale()
        self.mlp = _Perceptron()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class _Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, _ = x.shape
        split = self.qkv(x).reshape(batch, tokens, 3, HEADS, WIDTH // HEADS)
        q, k, v = split.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v)
        return self.proj(mixed.transpose(1, 2).reshape(batch, tokens, WIDTH))


class _LayerScale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class _Perceptron(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(functional.gelu(self.fc1(x)))
