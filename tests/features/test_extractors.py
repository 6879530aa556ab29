"""Extractors: resizing, the user's own networks, and networks whose weights the user has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from simkit.checker import check_plugin
from simkit.errors import AssetError, ConfigError, PluginError
from simkit.features import open_features
from simkit.features.inception_network import InceptionV3
from simkit.features.resizing import bounded, resized, resized_without_antialiasing
from simkit.features.vision_transformer import VisionTransformer

Image = NDArray[np.uint8]


class Means(nn.Module):
    """Gives maps: the image itself, so that the features are its mean colour."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 2


def one_number(batch: int = 1) -> nn.Module:
    return nn.Flatten(0)


@pytest.fixture
def images() -> list[Image]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (h, w, 3), np.uint8) for h, w in ((40, 30), (30, 40), (9, 70))]


@pytest.mark.parametrize("name", ["efficientnet_lite0", "pixels", "features:pixels?size=4"])
def test_own_extractors_keep_the_contract(name: str) -> None:
    kind, _, plain = name.rpartition(":")
    checks = check_plugin(plain, kind or None)
    assert [check for check in checks if not check.passed] == []
    assert len(checks) == 11


def test_resizing_averages_over_areas() -> None:
    checkers = np.indices((64, 48)).sum(axis=0) % 2 * np.uint8(254)
    image = np.repeat(checkers[..., None].astype(np.uint8), 3, axis=2)
    assert (resized(image, 32, 24) == 127).all()
    assert resized(image, 96, 24).shape == (96, 24, 3)
    assert bounded(image, 32).shape == (32, 24, 3)
    assert bounded(image, 100) is image


def test_pixels_are_a_small_picture() -> None:
    image = np.zeros((32, 32, 3), np.uint8)
    image[:16, :, 0] = 255
    features = open_features("pixels?size=2").extract([image])
    np.testing.assert_array_equal(features, [[1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]])


def test_a_module_of_the_user(images: list[Image]) -> None:
    text = "module:features.test_extractors:Means?size=10&mean=[0,0,0]&std=[1,1,1]&title=Colour"
    extractor = open_features(text)
    assert (extractor.title, extractor.dimensions) == ("Colour", 3)
    wanted = [resized(image, 10, 10).mean(axis=(0, 1)) / 255 * 2 for image in images]
    np.testing.assert_allclose(extractor.extract(iter(images)), wanted, atol=1e-5)
    assert all(check.passed for check in check_plugin(text))


def test_a_torchscript_file(tmp_path: Path, images: list[Image]) -> None:
    path = tmp_path / "means.pt"
    torch.jit.script(Means()).save(path)
    extractor = open_features(f"module:{path}?size=8&mean=[0,0,0]&std=[1,1,1]")
    assert (extractor.title, extractor.dimensions) == ("means", 3)
    same = open_features("module:features.test_extractors:Means?size=8&mean=[0,0,0]&std=[1,1,1]")
    np.testing.assert_array_equal(extractor.extract(images), same.extract(images))


@pytest.mark.parametrize("layout", ["float first", "bytes last", "one at a time"])
def test_an_onnx_file(tmp_path: Path, images: list[Image], layout: str) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper

    batch = 1 if layout == "one at a time" else "batch"
    first = layout != "bytes last"
    kind = TensorProto.FLOAT if first else TensorProto.UINT8
    shape = [batch, 3, 12, 12] if first else [batch, 12, 12, 3]
    cast = helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT)
    mean = helper.make_node(
        "ReduceMean", ["f"], ["y"], axes=[2, 3] if first else [1, 2], keepdims=0
    )
    graph = helper.make_graph(
        [cast, mean],
        "means",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 3])],
    )
    opset = [helper.make_opsetid("", 13)]
    path = tmp_path / "means.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    extractor = open_features(f"onnx:{path}?mean=[0,0,0]&std=[1,1,1]")
    wanted = np.array([resized(image, 12, 12).mean(axis=(0, 1)) for image in images])
    wanted /= 255 if first else 1
    assert (extractor.title, extractor.dimensions) == ("means", 3)
    np.testing.assert_allclose(extractor.extract(images), wanted, rtol=1e-5)
    assert all(check.passed for check in check_plugin(f"onnx:{path}"))


def test_the_vision_transformer_equals_torchs_encoder(tmp_path: Path) -> None:
    network = _filled(VisionTransformer(), seed=2)
    path = tmp_path / "dino.pth"
    torch.save(network.state_dict(), path)
    extractor = open_features(f"dinov2:{path}?size=518")
    image = np.random.default_rng(0).integers(0, 256, (518, 518, 3), np.uint8)
    x = (torch.from_numpy(image) / 255 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor(
        [0.229, 0.224, 0.225]
    )
    state = network.state_dict()
    with torch.no_grad():
        patches = x.permute(2, 0, 1)[None].unfold(2, 14, 14).unfold(3, 14, 14)
        patches = patches.permute(0, 2, 3, 1, 4, 5).reshape(1, 37 * 37, 3 * 14 * 14)
        tokens = patches @ state["patch_embed.proj.weight"].reshape(384, -1).T
        tokens = torch.cat([state["cls_token"], tokens + state["patch_embed.proj.bias"]], 1)
        tokens = tokens + state["pos_embed"]
        for number in range(12):
            tokens = _torch_layer(state, f"blocks.{number}.")(tokens)
        wanted = nn.functional.layer_norm(
            tokens[:, 0], (384,), state["norm.weight"], state["norm.bias"], 1e-6
        )
    np.testing.assert_allclose(extractor.extract([image]), wanted.numpy(), atol=2e-4)


def test_the_vision_transformer_has_the_published_parameters() -> None:
    with torch.device("meta"):
        state = VisionTransformer().state_dict()
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    assert shapes["pos_embed"] == (1, 1370, 384)
    assert shapes["patch_embed.proj.weight"] == (384, 3, 14, 14)
    assert {
        name.removeprefix("blocks.11.") for name in shapes if name.startswith("blocks.11.")
    } == {
        *(f"norm{k}.{leaf}" for k in (1, 2) for leaf in ("weight", "bias")),
        *(f"attn.{part}.{leaf}" for part in ("qkv", "proj") for leaf in ("weight", "bias")),
        *(f"mlp.fc{k}.{leaf}" for k in (1, 2) for leaf in ("weight", "bias")),
        "ls1.gamma",
        "ls2.gamma",
    }
    assert sum(value.numel() for value in state.values()) == 22_056_576


def test_positions_are_those_learned_where_the_grid_is_as_learned() -> None:
    network = _filled(VisionTransformer(), seed=3)
    with torch.no_grad():
        assert torch.equal(network._positions(37, 37), network.pos_embed[:, 1:])
        assert network._positions(16, 9).shape == (1, 16 * 9, 384)


def test_inception_has_the_published_parameters_and_needs_no_others(tmp_path: Path) -> None:
    network = _filled(InceptionV3(), seed=4)
    body = {n: p for n, p in network.named_parameters() if not n.startswith("fc.")}
    assert sum(one.numel() for one in body.values()) == 21_785_568  # of Inception v3, all libraries
    assert network.fc.weight.shape == (1008, 2048)
    path = tmp_path / "inception.pth"
    torch.save(network.state_dict(), path)
    extractor = open_features(f"inception:{path}")
    images = [np.full((64, 80, 3), 200, np.uint8), np.zeros((50, 50, 3), np.uint8)]
    assert extractor.extract(images).shape == (2, 2048)
    probabilities = extractor.probabilities(images)
    assert probabilities is not None
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert extractor.title.startswith("Inception-")  # not the original weights, and not called so
    assert open_features(f"inception:{path}?original=true").title == "Inception"


def test_inception_as_torchscript(tmp_path: Path) -> None:
    class Fake(nn.Module):
        def forward(self, x: Tensor, return_features: bool = False) -> Tensor:
            return x.to(torch.float32).mean(dim=(1, 2, 3))[:, None].repeat(1, 2048)

    path = tmp_path / "inception.pt"
    torch.jit.script(Fake()).save(path)
    extractor = open_features(f"inception:{path}")
    images = [np.full((4, 5, 3), 7, np.uint8), np.full((9, 2, 3), 11, np.uint8)]
    np.testing.assert_array_equal(extractor.extract(images)[:, 5], [7, 11])


def test_resizing_as_tensorflow_1_did() -> None:
    image = np.arange(4, dtype=np.uint8).reshape(1, 4, 1).repeat(4, 0).repeat(3, 2)
    np.testing.assert_array_equal(resized_without_antialiasing(image, 2)[0, :, 0], [0, 2])
    wide = resized_without_antialiasing(image, 8)[0, :, 0]
    np.testing.assert_array_equal(wide, [0, 0.5, 1, 1.5, 2, 2.5, 3, 3])


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("efficentnet_lite0", PluginError, "did you mean 'efficientnet_lite0'"),
        ("pixels?sise=3", ConfigError, "features.pixels.sise"),
        ("pixels?size", ConfigError, "features.pixels.size"),
        ("pixels:a.pt", ConfigError, "takes no file"),
        ("onnx", ConfigError, "write onnx:FILE"),
        ("onnx:none.onnx", AssetError, "none.onnx: there is no such file"),
        ("dinov2:none.pth", AssetError, "none.pth: there is no such file"),
        ("dinov2:none.pth?size=225", ConfigError, "multiple of 14"),
        ("module:features.test_extractors:Nothing", AssetError, "does not load"),
        ("module:features.test_extractors:one_number", AssetError, "features are"),
        ("module:nowhere.pt", AssetError, "there is no such file"),
        ("efficientnet_lite0?device=toaster", ConfigError, "device 'toaster'"),
    ],
)
def test_bad_input_is_named(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        open_features(text)


def test_another_networks_parameters_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save(nn.Linear(3, 2).state_dict(), path)
    with pytest.raises(AssetError, match="lacks cls_token; is it the state dict of DINOv2"):
        open_features(f"dinov2:{path}")
    path.write_bytes(b"no pickle")
    with pytest.raises(AssetError, match="holds no state dict"):
        open_features(f"inception:{path}")


def _filled(network: nn.Module, seed: int) -> nn.Module:
    """Return a network with random parameters of a size that keeps activations near 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in network.named_parameters():
            fan = value[0].numel() if value.ndim > 1 else 1
            size = 1.0 / np.sqrt(fan) if value.ndim > 1 else 0.2
            value.copy_(torch.randn(value.shape, generator=generator) * size)
            if name.endswith(("norm.weight", "norm1.weight", "norm2.weight", "bn.weight")):
                value.add_(1)
    return network.eval()


def _torch_layer(state: dict[str, Tensor], prefix: str) -> nn.Module:
    """Return torch's own transformer layer with a block's parameters, layer scales folded in."""
    layer = nn.TransformerEncoderLayer(
        384, 6, 1536, 0.0, "gelu", 1e-6, batch_first=True, norm_first=True
    ).eval()
    own = {name.removeprefix(prefix): v for name, v in state.items() if name.startswith(prefix)}
    first, second = own["ls1.gamma"], own["ls2.gamma"]
    layer.load_state_dict(
        {
            "self_attn.in_proj_weight": own["attn.qkv.weight"],
            "self_attn.in_proj_bias": own["attn.qkv.bias"],
            "self_attn.out_proj.weight": own["attn.proj.weight"] * first[:, None],
            "self_attn.out_proj.bias": own["attn.proj.bias"] * first,
            "linear1.weight": own["mlp.fc1.weight"],
            "linear1.bias": own["mlp.fc1.bias"],
            "linear2.weight": own["mlp.fc2.weight"] * second[:, None],
            "linear2.bias": own["mlp.fc2.bias"] * second,
            **{
                f"norm{k}.{leaf}": own[f"norm{k}.{leaf}"]
                for k in (1, 2)
                for leaf in ("weight", "bias")
            },
        }
    )
    return layer
