"""Samples rendered in workers: the stored ones, each once, resumable, dealt out without overlap."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from simkit.errors import ConfigError, SimkitError
from simkit.generation import generate
from simkit.torch import Dataset, StreamingDataset, collate
from simkit.torch.progress import Done, Share

EVERYTHING = (
    "boxes", "boxes_obj", "labels", "obj_ids", "instance_ids", "scales", "visib_fract", "poses",
    "masks", "masks_obj", "keypoints", "obb", "cam_K", "depth", "normal", "instance_map",
    "part_map", "flow_forward", "right", "depth_sensor",
)  # fmt: skip


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert set(one) == set(other)
    for name, value in one.items():
        assert value.dtype == other[name].dtype, name
        assert torch.equal(value, other[name]), name


def test_the_same_tensors_as_on_disk(stored: Path, config: dict[str, Any]) -> None:
    on_disk = Dataset(stored, EVERYTHING)
    stream = StreamingDataset(config, labels=EVERYTHING, stop=7)
    made = list(stream)
    assert len(made) == 7
    for sample, other in zip(made, on_disk, strict=True):
        assert_same(sample, other)
    assert stream.categories == on_disk.categories
    assert stream.keypoint_names == on_disk.keypoint_names
    assert stream.part_names == on_disk.part_names


def test_a_few_labels_and_jpeg_too(config: dict[str, Any], tmp_path: Path) -> None:
    lossy = {**config, "output": {"image_format": "jpg"}}
    generate(lossy, tmp_path / "data", n=2)
    asked = {"labels": ("boxes", "right"), "min_visib_fract": 0.3, "box_format": "xywh"}
    stream = StreamingDataset(lossy, **asked, stop=2)
    assert stream.config.run.labels == ["bbox_visib", "visib_fract"]
    for sample, other in zip(stream, Dataset(tmp_path / "data", **asked), strict=True):
        assert_same(sample, other)


def test_workers_share_the_stream_and_it_goes_on(stored: Path, config: dict[str, Any]) -> None:
    on_disk = Dataset(stored, ("boxes", "masks"))
    failing = near_alone(config, on_error="skip")
    stream = StreamingDataset(failing, labels=("boxes", "masks", "depth"), stop=11)
    loader = DataLoader(
        stream, batch_size=2, num_workers=2, multiprocessing_context="spawn", collate_fn=collate
    )
    batches = list(loader)
    made = [index for batch in batches for index in batch["index"].tolist()]
    assert len(set(made)) == len(made)
    assert stream.skipped == 11 - len(made) > 0
    for batch in batches:
        for row, index in enumerate(batch["index"].tolist()):
            if index < 7:
                assert_same(
                    {k: batch[k][row] for k in ("index", "image", "boxes", "masks")}, on_disk[index]
                )
    used = torch.cat([batch["index"] for batch in batches[:2]])
    stream.mark_done(used)
    later = StreamingDataset(failing, labels=("depth",), stop=11)
    later.load_state_dict(stream.state_dict())
    rest = [int(sample["index"]) for sample in later]
    assert sorted(used.tolist() + rest) == sorted(made)
    assert list(later) == []


def test_what_workers_did_must_be_told(config: dict[str, Any]) -> None:
    stream = StreamingDataset(config)
    stream._counts[1, 0] = 3  # as a worker counts
    with pytest.raises(SimkitError, match="mark_done"):
        stream.state_dict()


def test_a_pass_begins_where_the_last_one_ended(config: dict[str, Any]) -> None:
    stream = StreamingDataset(config, start=3)
    found = [[int(sample["index"]) for sample in islice(stream, k)] for k in (2, 1, 2)]
    assert found == [[3, 4], [5], [6, 7]]


def test_a_state_of_another_stream_is_refused(config: dict[str, Any]) -> None:
    state = StreamingDataset(config).state_dict()
    for other in (
        StreamingDataset(config, seed=5),
        StreamingDataset(config, world_size=2),
        StreamingDataset(config, overrides=["scene.objects=3"]),
    ):
        with pytest.raises(ConfigError, match="load_state_dict"):
            other.load_state_dict(state)
    StreamingDataset(config, labels=("masks",), overrides=["n=3"]).load_state_dict(state)


def test_skipped_samples_are_counted(stored: Path, config: dict[str, Any]) -> None:
    far = [
        int(sample["index"])
        for sample in Dataset(stored, ("depth",))
        if sample["depth"].max() > 0.6
    ]
    assert 0 < len(far) < 7
    with pytest.raises(SimkitError, match=rf"sample {far[0]}: a depth of"):
        list(StreamingDataset(near_alone(config), labels=("depth",), stop=7))
    skip = StreamingDataset(near_alone(config, on_error="skip"), labels=("depth",), stop=7)
    assert [int(sample["index"]) for sample in skip] == [i for i in range(7) if i not in far]
    assert skip.skipped == len(far)


def near_alone(config: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a config with which 16 bits end at 0.6 m: views with a depth beyond it fail."""
    return {**config, "output": {"image_format": "png", "depth_scale": 600 / 65535}, **changes}


def test_arguments_are_checked(config: dict[str, Any]) -> None:
    for arguments, message in (
        ({"rank": 2, "world_size": 2}, "rank: 2"),
        ({"start": 5, "stop": 3}, "start, stop"),
        ({"labels": ("poses", "depths")}, "labels: 'depths' is unknown"),
        ({"overrides": ["scene.objcts=3"]}, "objcts"),
    ):
        with pytest.raises(ConfigError, match=message):
            StreamingDataset(config, **arguments)
    with pytest.raises(ConfigError, match="not of rank"):
        StreamingDataset(config, world_size=2).mark_done([2])


def test_forked_workers_are_refused(config: dict[str, Any]) -> None:
    loader = DataLoader(
        StreamingDataset(config), None, num_workers=1, multiprocessing_context="fork"
    )
    with pytest.raises(SimkitError, match="spawn"):
        next(iter(loader))


@settings(max_examples=60, deadline=None)
@given(
    world_size=st.integers(1, 4),
    in_scene=st.integers(1, 4),
    start=st.integers(0, 30),
    length=st.integers(0, 40),
    workers=st.integers(1, 4),
    done=st.sets(st.integers(0, 60)),
)
def test_each_index_is_one_workers(
    world_size: int, in_scene: int, start: int, length: int, workers: int, done: set[int]
) -> None:
    found = []
    for rank in range(world_size):
        share = Share(rank, world_size, in_scene, start, start + length)
        mine = Done()
        for index in done:
            position = share.position(index)
            if position is not None:
                assert share.index(position) == index
                mine.add(position, position)
        for worker in range(workers):
            own = [share.index(p) for p in share.positions(worker, workers, mine)]
            assert own == sorted(own)
            found += own
    assert sorted(found) == sorted(set(range(start, start + length)) - done)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 6))))
def test_ranges_are_a_set(pairs: list[tuple[int, int]]) -> None:
    done, truth = Done(), set()
    for first, more in pairs:
        done.add(first, first + more)
        truth |= set(range(first, first + more + 1))
    assert {number for number in range(70) if number in done} == truth
    assert done.begin == min(set(range(70)) - truth)
    assert all(b[0] > a[1] + 1 for a, b in pairwise(done.ranges))
    assert Done(done.ranges).ranges == done.ranges


def test_simkit_itself_does_not_import_torch() -> None:
    code = (
        "import sys, simkit, simkit.cli.main, simkit.generation, simkit.exchange.exporting\n"
        "print([n for n in ('torch', 'datasets', 'mlcroissant') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_help_does_not_import_torch() -> None:
    code = (
        "import sys; from simkit.cli.main import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print('torch' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == "False"
