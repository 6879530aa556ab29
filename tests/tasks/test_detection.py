"""A detector learns a trivial problem, repeats itself, is saved, adapted, and refuses bad input."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from drawn_shapes import shapes
from torch import nn

from simkit.backbone import inputs_of, pretrained, untrained
from simkit.errors import ConfigError, DatasetError
from simkit.tasks.centre_network import Critic, reversal_strength, reverse_gradient
from simkit.tasks.detection import Detection, Detections, Detector, letterboxed, network_of
from simkit.tasks.detection_batches import Batches, canvas_of
from simkit.tasks.examples import Examples
from simkit.tasks.trunk import Trunk, adapt_statistics, batch_norms

QUICK: dict[str, Any] = {
    "size": 128,
    "width": 32,
    "crop": 1.0,
    "augment": {"zoom_in": 1.1, "zoom_out": 0.9},
}


def task(steps: int = 3, batch: int = 4, **changes: Any) -> Detection:
    training = {"steps": steps, "batch": batch, "device": "cpu", "threads": 1}
    return Detection({**QUICK, **changes, "training": {**training, **changes.get("training", {})}})


@pytest.fixture(scope="module")
def learnt() -> Detector:
    return task(100, 8, training={"learning_rate": 3e-3, "average": 0.9}).train(shapes(40), seed=0)


def test_learns_to_tell_squares_from_discs(learnt: Detector) -> None:
    new = shapes(24, seed=1)
    scores = task().outcome(learnt.predict(new), new).scores()
    assert scores["AP50"] > 0.9, scores


def test_failures_say_and_draw_what_is_wrong(learnt: Detector) -> None:
    new = shapes(15, seed=1)
    predictions = learnt.predict(new)
    nothing = Detections(
        np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.float32)
    )
    predictions[4] = nothing
    predictions[5] = dataclasses.replace(predictions[5], labels=1 - predictions[5].labels)
    failures = task().failures(predictions, new)
    assert sorted(one["place"] for one in failures) == list(range(15))
    assert [one["cost"] for one in failures] == sorted(
        (one["cost"] for one in failures), reverse=True
    )
    texts = {one["place"]: one["text"] for one in failures}
    assert "missed" in texts[4]
    assert "taken for" in texts[5]
    assert {4, 5} <= {one["place"] for one in failures[:8]}
    assert [("drawn" in one) for one in failures] == [True] * 12 + [False] * 3
    assert failures[0]["drawn"].shape == new[failures[0]["place"]].image.shape


def test_saved_and_loaded_predicts_the_same(learnt: Detector, tmp_path: Path) -> None:
    new = shapes(5, seed=2)
    loaded = Detector.load(learnt.save(tmp_path / "model"))
    assert loaded.categories == ("square", "disc")
    assert loaded.options == learnt.options
    for one, other in zip(learnt.predict(new), loaded.predict(new), strict=True):
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(one.scores, other.scores)
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "card.json",
        "model.safetensors",
    ]


def test_damaged_models_are_refused(learnt: Detector, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no detector"):
        Detector.load(tmp_path)
    folder = learnt.save(tmp_path / "model")
    (folder / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(DatasetError, match="no detector"):
        Detector.load(folder)


def test_features_and_confidence_are_of_the_images(learnt: Detector) -> None:
    new = shapes(20, seed=3)
    features, confidence = learnt.features(new), learnt.confidence(new)
    assert features.shape == (20, 320)
    assert confidence.shape == (20,)
    some = new.subset([7, 3])
    np.testing.assert_allclose(learnt.features(some), features[[7, 3]], rtol=1e-3, atol=1e-4)
    best = np.array([one.scores.max() for one in learnt.predict(new)])
    assert (confidence >= best - 1e-5).all()
    assert (confidence <= 1).all()


def test_boxes_do_not_depend_on_the_size_of_the_image(learnt: Detector) -> None:
    small, large = shapes(6, seed=4), Larger(shapes(6, seed=4))
    for one, other in zip(learnt.predict(small), learnt.predict(large), strict=True):  # type: ignore[arg-type]
        sure = one.scores > 0.5
        np.testing.assert_allclose(other.boxes[: sure.sum()], 2 * one.boxes[sure], atol=8)


class Larger:
    """The same images at twice the size."""

    def __init__(self, examples: Examples) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples)

    def record(self, place: int) -> Any:
        image = np.repeat(np.repeat(self.examples[place].image, 2, axis=0), 2, axis=1)
        return dataclasses.make_dataclass("Picture", ["rgb"])(image)


def test_same_seed_same_weights_and_another_others() -> None:
    first, again, other = (
        task(2, dropout=0.3, drop_path=0.3).train(shapes(6), seed=seed).network.state_dict()
        for seed in (3, 3, 4)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_batches_are_a_function_of_seed_and_step() -> None:
    options = task(augment={"mosaic": 0.5}).options
    made = [Batches(shapes(9), (96, 128), options, 1, torch.device("cpu"), None) for _ in range(2)]
    made[1](0)
    for one, other in [(made[0](3), made[1](3))]:
        assert torch.equal(one.inputs, other.inputs)
        assert torch.equal(one.targets.heat, other.targets.heat)
    assert not torch.equal(made[0](3).inputs, made[0](4).inputs)


def test_frozen_stages_keep_their_weights() -> None:
    start = network_of(task(frozen_stages=3).options, 2, 0, weights=True).state_dict()
    end = task(2, frozen_stages=3).train(shapes(4), seed=0).network.state_dict()
    moved = {name for name in start if not torch.equal(start[name], end[name])}
    assert not any(name.startswith(("trunk.stem", "trunk.stages.2.")) for name in moved)
    assert any(name.startswith("trunk.stages.3.") for name in moved)


def test_folded_trunk_is_the_backbone() -> None:
    images = torch.stack([torch.from_numpy(one.image) for one in shapes(2)])
    network = pretrained()
    with torch.no_grad():
        expected = network.forward_stages(inputs_of(images))[2:]
        for statistics in ("frozen", "train"):
            trunk = Trunk(pretrained(), statistics, 2, 0.0).eval()
            for one, other in zip(trunk(inputs_of(images)), expected, strict=True):
                torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def test_stochastic_depth_keeps_the_mean() -> None:
    trunk = Trunk(untrained(0), "frozen", 0, 0.5)
    block = next(block for stage in trunk.stages for block in stage if block.residual)
    block.drop = 0.4
    x = torch.ones(2000, block.units[0].conv.in_channels, 1, 1)
    with torch.no_grad():
        branch = block(x, None) - x
        made = block(x, torch.Generator().manual_seed(0)) - x
    left_out = (made.abs().amax(dim=(1, 2, 3)) == 0).double().mean()
    assert left_out == pytest.approx(0.4, abs=0.04)
    torch.testing.assert_close(made.mean(0), branch.mean(0), rtol=0.08, atol=1e-4)


def test_reversed_gradient_is_minus_the_gradient() -> None:
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    y = reverse_gradient(x, 0.7)
    assert torch.equal(y, x)
    (y * torch.tensor([3.0, 5.0])).sum().backward()
    torch.testing.assert_close(x.grad, torch.tensor([-2.1, -3.5]))
    assert reversal_strength(0.0) == 0.0
    assert reversal_strength(1.0) == pytest.approx(1.0, abs=1e-3)


def test_critic_learns_and_the_network_is_pushed_the_other_way() -> None:
    network = network_of(task(frozen_stages=0).options, 2, 0, weights=False)
    critic = Critic(32, torch.Generator().manual_seed(0))
    images = torch.stack([torch.from_numpy(one.image) for one in shapes(2)])
    gradients = []
    for strength in (0.0, 0.5, -0.5):
        network.zero_grad()
        critic.zero_grad()
        whole, places = critic(network(inputs_of(images)), strength)
        (whole.sum() + places.mean()).backward()
        gradients.append(network.sides[0].weight.grad.clone())  # type: ignore[union-attr, operator]
        assert critic.whole[0].weight.grad.abs().sum() > 0  # type: ignore[union-attr]
    assert gradients[0].abs().sum() == 0
    torch.testing.assert_close(gradients[1], -gradients[2])


def test_adapted_statistics_are_those_of_the_other_images() -> None:
    network = network_of(task(batch_statistics="target").options, 2, 0, weights=True)
    images = [torch.from_numpy(one.image)[None] for one in shapes(8, tint=0.5)]
    batches = [inputs_of(torch.cat(images[place : place + 4])) for place in (0, 4)]
    network.eval()
    adapt_statistics(network, network, batches)
    first = batch_norms(network)[0]
    seen: list[torch.Tensor] = []
    hook = first.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        for batch in batches:
            network(batch)
    hook.remove()
    x = torch.cat(seen)
    torch.testing.assert_close(first.running_mean, x.mean(dim=(0, 2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(first.running_var, x.var(dim=(0, 2, 3)), rtol=1e-4, atol=1e-6)
    assert not network.training
    assert all(isinstance(one, nn.BatchNorm2d) and one.momentum > 0 for one in batch_norms(network))


@pytest.mark.parametrize("changes", [{"adversarial": 0.1}, {"batch_statistics": "target"}])
def test_adaptation_looks_at_target_images_and_not_at_their_labels(changes: dict[str, Any]) -> None:
    made = [
        task(2, **changes).train(shapes(4), seed=0, target=target).network.state_dict()
        for target in (shapes(4, seed=7, tint=0.5), shapes(4, seed=7), shapes(4, seed=7, tint=0.5))
    ]
    assert not all(torch.equal(made[0][name], made[1][name]) for name in made[0])
    assert all(torch.equal(made[0][name], made[2][name]) for name in made[0])
    with pytest.raises(ConfigError, match="target"):
        task(2, **changes).train(shapes(4), seed=0)


def test_bad_input_is_refused_before_work_is_lost() -> None:
    none = Examples(shapes(4)._images, ("square", "cube"))
    none._classes = {key: {} for key in none._classes}
    with pytest.raises(DatasetError, match="none of square, cube"):
        task().train(none, seed=0)
    with pytest.raises(DatasetError, match="no image"):
        task().train(shapes(4).subset([]), seed=0)
    with pytest.raises(ConfigError, match=r"augment\.zoom_in"):
        Detection({"augment": {"zoom_in": 0.5}})
    with pytest.raises(ConfigError, match="unknown key"):
        Detection({"sise": 320})


@pytest.mark.parametrize(
    ("shape", "seen", "scale"),
    [((504, 378), (320, 256), 320 / 504), ((100, 300), (128, 320), 320 / 300)],
)
def test_letterbox_fits_the_long_side(
    shape: tuple[int, int], seen: tuple[int, int], scale: float
) -> None:
    made, (across, down) = letterboxed(np.zeros((*shape, 3), np.uint8), 320)
    assert made.shape == (*seen, 3)
    assert across == pytest.approx(scale, rel=0.01)
    assert down == pytest.approx(scale, rel=0.01)
    assert (made[round(shape[0] * scale) :] == 127).all()
    assert (made[: round(shape[0] * scale), : round(shape[1] * scale)] == 0).all()


def test_canvas_has_the_shape_of_the_images() -> None:
    assert canvas_of(shapes(3), 128, 1.0, 32) == (96, 128)
    assert canvas_of(shapes(3, shape=(128, 60)), 128, 1.0, 32) == (128, 64)
    assert canvas_of(shapes(3, shape=(128, 60)), 128, 0.75, 32) == (96, 64)
