"""Object coordinates of each pixel of a crop, and poses of them."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from simkit.backbone import EfficientNetLite0
from simkit.tasks.pyramid import Pyramid, seed_weights, unit

Float = NDArray[np.float64]

CROP = 96
"""Side of a crop as the network sees it [px]."""

STRIDE = Pyramid.stride
CELLS = CROP // STRIDE

WIDTH = 96

FROZEN_STAGES = 1
"""Of the backbone: its first filters serve any image."""

CHANNELS = 5
"""A model's: three coordinates, their log spread, and the logit of the visible mask."""

SMALL = 0.1
"""Scale of the last layer's first weights."""

SPREADS = (-5.0, 2.0)
"""Limits of the log spread; coordinates are in radii of the model."""

MASK_WEIGHT = 1.0

ENOUGH = 24
"""Cells from which a pose is sought at least, the likeliest ones, however unlikely they are."""

ITERATIONS = 150
REPROJECTION = 0.75
"""A cell agrees with a pose if it is projected nearer than this [cells]."""

RANSAC_SEED = 0
"""OpenCV's own generator is set to it each time, so that no pose depends on the ones before."""

FLAT = 1e-3
"""Points are on a line if they extend less across it, as a share of its length."""

LEAST = 6
"""Correspondences that RANSAC needs (`cv2.SOLVEPNP_EPNP` takes 5)."""


class PoseNetwork(nn.Module):
    """Crops to (B, CHANNELS, CELLS, CELLS) of the model that each is said to show.

    All models share everything but the last layer, as in Park et al., Pix2Pose, and Li et al., CDPN
    (both ICCV 2019), where each has a network of its own.
    """

    def __init__(
        self, backbone: EfficientNetLite0, models: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.pyramid = Pyramid(backbone, WIDTH, FROZEN_STAGES, generator)
        self.refine = unit(WIDTH, WIDTH)
        self.last = nn.Conv2d(WIDTH, models * CHANNELS, 1)
        seed_weights(self.refine, generator)
        seed_weights(self.last, generator, SMALL)

    def forward(self, x: Tensor, model: Tensor) -> Tensor:
        """Return the maps of one model a crop.

        Args:
            x: crops.
            model: (B,) int64, which model.
        """
        features = self.refine(self.pyramid(x))
        maps = self.last(features).unflatten(1, (-1, CHANNELS))
        return maps[torch.arange(len(model), device=maps.device), model]


def pose_losses(maps: Tensor, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the losses of a batch.

    Coordinates: the negative log-likelihood of Laplace distributions whose spread is predicted too
    (Kendall and Gal, NeurIPS 2017, section 3), so that cells that cannot be told apart weigh less. Of all
    poses that look alike the kindest counts, crop by crop (Wang et al., NOCS, CVPR 2019, section 5.1).

    Args:
        maps: (B, CHANNELS, CELLS, CELLS).
        batch: ``coordinates`` (B, 3, CELLS, CELLS) in radii of the model, ``seen`` (B, CELLS, CELLS) 0 or
            1, ``symmetries`` (B, K, 3, 4) that act on coordinates, the identity repeated where a
            model has fewer.
    """
    seen = batch["seen"]
    spread = maps[:, 3].clamp(*SPREADS)
    turned = torch.einsum("bkij,bjhw->bkihw", batch["symmetries"][..., :3], batch["coordinates"])
    turned = turned + batch["symmetries"][..., 3][..., None, None]
    gaps = (maps[:, None, :3] - turned).abs().sum(dim=2)
    likelihood = (gaps * torch.exp(-spread)[:, None] + 3 * spread[:, None]) * seen[:, None]
    cells = seen.sum(dim=(1, 2)).clamp(min=1)
    kindest = (likelihood.sum(dim=(2, 3)) / cells[:, None]).min(dim=1).values
    mask = functional.binary_cross_entropy_with_logits(maps[:, 4], seen)
    return {"coordinates": kindest.mean(), "mask": MASK_WEIGHT * mask}


def solve_pose(
    points: Float, pixels: Float, weights: Float, cam_K: Float, tolerance: float
) -> tuple[Float, float] | None:
    """Return ``T_camera_model`` (4, 4) and the share of correspondences that agree with it.

    None where they determine no pose: all points lie on a line, or nearly so.

    RANSAC over EPnP (Lepetit et al., IJCV 2009), then Levenberg-Marquardt on what agrees.

    Args:
        points: (N, 3) [m] of the model, N >= `LEAST`.
        pixels: (N, 2) where they are seen.
        weights: (N,); those that agree are counted by it.
        cam_K: (3, 3) [px].
        tolerance: within which a projected point agrees [px].
    """
    spans = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    if not spans[1] > FLAT * spans[0]:
        return None
    cv2.setRNGSeed(RANSAC_SEED)
    found, turn, shift, inliers = cv2.solvePnPRansac(
        points,
        pixels,
        cam_K,
        None,
        iterationsCount=ITERATIONS,
        reprojectionError=tolerance,
        flags=cv2.SOLVEPNP_EPNP,
    )
    chosen = inliers.ravel() if found and inliers is not None else np.arange(len(points))
    if not found or len(chosen) < LEAST:
        chosen = np.arange(len(points))
        solved, turn, shift = cv2.solvePnP(points, pixels, cam_K, None, flags=cv2.SOLVEPNP_SQPNP)
        if not solved:
            return None
    if shift[2, 0] < 0:  # seen from afar, a mirror image behind the camera looks nearly the same
        turn = cv2.Rodrigues(np.diag([-1.0, -1.0, 1.0]) @ cv2.Rodrigues(turn)[0])[0]
        shift = -shift
    turn, shift = cv2.solvePnPRefineLM(points[chosen], pixels[chosen], cam_K, None, turn, shift)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = cv2.Rodrigues(turn)[0], shift.ravel()
    if not np.isfinite(pose).all():
        return None
    agreeing = found and len(chosen) >= LEAST
    share = float(weights[chosen].sum() / weights.sum()) if agreeing else 0.0
    return pose, share
