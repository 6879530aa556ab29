"""Sample i is a function of (config, seed, i), whatever was made before, where, and by whom."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from oracles.sources import offences

import simkit
from simkit.dataset.encode import content_hash, encode
from simkit.dataset.shards import Folder
from simkit.errors import DatasetError
from simkit.labels import Annotators
from simkit.pipeline import Pipeline, Sample

REPOSITORY = Path(__file__).resolve().parents[1]

Small = Callable[..., dict[str, Any]]

SCANNED = ("simkit", "scenes", "randomizers")
FILES = sorted(path for top in SCANNED for path in (REPOSITORY / top).rglob("*.py"))

OFFENDERS = [
    "import random",
    "import random as r",
    "from random import choice",
    "import uuid",
    "from secrets import token_hex",
    "import time",
    "from time import perf_counter",
    "import datetime",
    "from datetime import datetime",
    "def f():\n    import time",
    "import importlib\nimportlib.import_module('random')",
    "import numpy as np\nnp.random.rand(3)",
    "import numpy as np\nnp.random.seed(0)",
    "import numpy as np\nx = np.random.default_rng()",
    "import numpy as np\nx = np.random.Generator(np.random.PCG64())",
    "import numpy as np\nx = np.random.PCG64(None)",
    "import numpy as np\nx = np.random.SeedSequence()",
    "import numpy\nnumpy.random.normal()",
    "import numpy.random as npr",
    "from numpy import random",
    "from numpy.random import default_rng",
    "import os\nos.urandom(4)",
    "x = hash('name') % 7",
    "for x in {'a', 'b'}:\n    print(x)",
    "y = [x for x in set(names)]",
    "y = list({x for x in names})",
    "y = ','.join(set(a) | set(b))",
]
INNOCENTS = [
    "import numpy as np\nnp.random.Generator(np.random.PCG64(np.random.SeedSequence(0)))",
    "def f(rng: 'np.random.Generator'):\n    return rng.random()",
    "from numpy.random import Generator",
    "for x in sorted({'a', 'b'}):\n    print(x)",
    "y = a in {'x', 'y'}",
    "from simkit.timing import Stopwatch",
    "import hashlib\nhashlib.sha256(b'')",
    "from simkit import random_thing",
]


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of all files of a folder, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def files_of(sample: Sample, pipeline: Pipeline) -> str:
    run = pipeline.config.run
    return content_hash(encode(sample, Annotators(run.labels), run.output))


# (a) the sources


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_sources_draw_from_named_streams_only(path: Path) -> None:
    clock_allowed = path == REPOSITORY / "simkit" / "timing.py"
    found = offences(path.read_text(), clock_allowed)
    if path == REPOSITORY / "simkit" / "checker" / "global_state.py":
        # it reads their states, to see that a plug-in leaves them alone; it may do nothing else
        assert [one.split(": ")[1] for one in found] == ["import random", "np.random.get_state"]
        return
    assert found == []


@pytest.mark.parametrize("source", OFFENDERS)
def test_the_scan_finds(source: str) -> None:
    assert offences(source)


@pytest.mark.parametrize("source", INNOCENTS)
def test_the_scan_spares(source: str) -> None:
    assert offences(source) == []


def test_the_scan_allows_the_clock_where_it_is_told_to() -> None:
    assert offences("import time", clock_allowed=True) == []
    assert offences("import random", clock_allowed=True)
    assert len(FILES) > 40


# (b) two processes


PRINT_HASHES = """
import json, sys
from simkit.pipeline import Pipeline
from simkit.dataset.encode import content_hash, encode
from simkit.labels import Annotators
with Pipeline(json.loads(sys.argv[1])) as p:
    run = p.config.run
    print(json.dumps([content_hash(encode(p(i), Annotators(run.labels), run.output))
                      for i in json.loads(sys.argv[2])]))
"""


def hashes_elsewhere(config: dict[str, Any], indices: list[int], hash_seed: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PRINT_HASHES, json.dumps(config), json.dumps(indices)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return json.loads(done.stdout)


def test_two_fresh_processes_agree(small: Small) -> None:
    """With different PYTHONHASHSEED, in another order, and from here."""
    config = small(seed=3)
    first = hashes_elsewhere(config, [0, 1, 2], "1")
    second = hashes_elsewhere(config, [2, 0, 1], "2")
    assert first == [second[1], second[2], second[0]]
    assert len(set(first)) == 3
    with Pipeline(config) as pipeline:
        assert files_of(pipeline(1), pipeline) == first[1]


# (c) order


@pytest.mark.parametrize("views", [1, 3])
def test_a_sample_does_not_depend_on_what_was_made_before(small: Small, views: int) -> None:
    config = small(views_per_scene=views, seed=8, scene={"objects": {"integer": [3, 3]}})
    indices = [0, 1, 2, 3, 4]
    with Pipeline(config) as pipeline:
        in_order = {i: files_of(pipeline(i), pipeline) for i in indices}
    with Pipeline(config) as pipeline:
        mixed = {i: files_of(pipeline(i), pipeline) for i in [2, 4, 0, 3, 1, 2]}
    fresh = {}
    for i in indices:
        with Pipeline(config) as pipeline:
            fresh[i] = files_of(pipeline(i), pipeline)
    assert in_order == mixed == fresh
    assert len(set(fresh.values())) == 5


def test_views_share_a_scene_and_nothing_else(small: Small) -> None:
    with Pipeline(small(views_per_scene=3, seed=8)) as pipeline:
        samples = [pipeline(i) for i in range(6)]
    assert [s.key for s in samples[2:4]] == ["000000_000002", "000001_000000"]
    assert samples[0].scene.bodies == samples[1].scene.bodies == samples[2].scene.bodies
    assert samples[0].scene.lights == samples[2].scene.lights
    assert samples[2].scene.bodies != samples[3].scene.bodies
    assert len({sample.camera for sample in samples}) == 6


def test_replay_with_one_factor_changed(small: Small) -> None:
    with Pipeline(small(seed=8)) as pipeline:
        sample = pipeline(1)
        again = pipeline(1, given=sample.params)
        assert files_of(again, pipeline) == files_of(sample, pipeline)
        brighter = {**sample.params["light"], "intensity": 0.1}
        changed = pipeline(1, given={"light": brighter})
        assert changed.scene.lights[0].intensity == pytest.approx(0.1)
        assert changed.scene.bodies == sample.scene.bodies
        assert changed.camera == sample.camera
        assert files_of(pipeline(1), pipeline) == files_of(sample, pipeline)


# (d) workers


@pytest.mark.slow
def test_two_workers_write_the_same_bytes(small: Small, tmp_path: Path) -> None:
    config = small(seed=4, views_per_scene=2)
    simkit.generate(config, tmp_path / "one", n=7)
    simkit.generate(config, tmp_path / "two", n=7, overrides=["workers=2"])
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")


# (e), (f), (h) interrupted runs


@pytest.fixture(scope="module")
def undisturbed(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight images in shards of three."""
    folder = tmp_path_factory.mktemp("undisturbed") / "data"
    simkit.generate(small(seed=5), folder, n=8)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_and_resumed(small: Small, tmp_path: Path, workers: int) -> None:
    config = small(
        seed=6, output={"shard_size": 4}, randomizers={"camera": {"width": 200, "height": 150}}
    )
    simkit.generate(config, tmp_path / "whole", n=40)
    out = tmp_path / "killed"
    command = (
        "import json, sys, simkit\n"
        "if __name__ == '__main__':\n"
        "    config = json.loads(sys.argv[1])\n"
        "    simkit.generate(config, sys.argv[2], n=40, overrides=[sys.argv[3]])\n"
    )
    script = tmp_path / "generate.py"
    script.write_text(command)
    arguments = [json.dumps(config), str(out), f"workers={workers}"]
    process = subprocess.Popen(
        [sys.executable, str(script), *arguments],
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    limit = time.monotonic() + 90
    while not (out / "shard-000001.tar").exists():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < limit
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "index.parquet").exists(), "it had finished: use more images"
    done = [path.name for path in out.glob("shard-*.tar")]
    before = {name: (out / name).stat().st_mtime_ns for name in done}
    whole = hashes(tmp_path / "whole")
    assert all(hashes(out)[name] == whole[name] for name in done)

    data = simkit.open_dataset(out)
    assert len(data) == 4 * len(done)
    assert data.verify() == []
    report = simkit.generate(config, out, n=40)
    assert (report.kept, report.images) == (4 * len(done), 40 - 4 * len(done))
    assert hashes(out) == whole
    assert {name: (out / name).stat().st_mtime_ns for name in done} == before


def test_leftovers_and_lost_shards(small: Small, undisturbed: Path, tmp_path: Path) -> None:
    for path in undisturbed.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "shard-000001.tar").unlink()
    (tmp_path / "shard-000002.parquet").unlink()  # a shard without its rows is no shard
    (tmp_path / "shard-000001.tar.partial").write_bytes(b"half")
    (tmp_path / "index.parquet.partial").write_bytes(b"")
    report = simkit.generate(small(seed=5), tmp_path, n=8)
    assert (report.images, report.kept) == (5, 3)
    assert hashes(tmp_path) == hashes(undisturbed)
    assert simkit.generate(small(seed=5), tmp_path, n=8).images == 0
    assert hashes(tmp_path) == hashes(undisturbed)


def test_extending(small: Small, undisturbed: Path, tmp_path: Path) -> None:
    """Five end in the middle of a shard of three."""
    config = small(seed=5)
    simkit.generate(config, tmp_path, n=5)
    assert len(simkit.open_dataset(tmp_path)) == 5
    report = simkit.generate(config, tmp_path, n=8)
    assert (report.images, report.kept) == (5, 3)
    assert hashes(tmp_path) == hashes(undisturbed)
    with pytest.raises(DatasetError, match="holds 8 images, more than the 5"):
        simkit.generate(config, tmp_path, n=5)


def test_a_killed_extension_can_still_be_read(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dataset.json says 8, index.parquet is of the 5 before."""
    config = small(seed=5)
    simkit.generate(config, tmp_path, n=5)
    full_disk(monkeypatch, "shard-000002")
    with pytest.raises(DatasetError):
        simkit.generate(config, tmp_path, n=8)
    data = simkit.open_dataset(tmp_path)
    assert [record.index for record in data] == [0, 1, 2, 3, 4, 5]
    assert data.verify() == []


def full_disk(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let the disk be full once a file of this name is to be written."""
    import simkit.dataset.shards as shards

    write = shards._write_through

    def fail(path: str, data: bytes) -> None:
        if name in path:
            Path(path).write_bytes(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, data)

    monkeypatch.setattr(shards, "_write_through", fail)


def test_a_full_disk(
    small: Small, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        full_disk(patch, "shard-000002.tar")
        with pytest.raises(DatasetError, match=r"shard-000002\.tar.*No space left") as caught:
            simkit.generate(small(seed=5), tmp_path, n=8)
    assert len(str(caught.value).splitlines()) == 1
    whole, there = hashes(undisturbed), hashes(tmp_path)
    for number in (0, 1):
        for ending in ("tar", "parquet"):
            name = f"shard-{number:06d}.{ending}"
            assert there[name] == whole[name]
    assert "shard-000002.tar" not in there
    assert "index.parquet" not in there
    assert simkit.generate(small(seed=5), tmp_path, n=8).images == 2
    assert hashes(tmp_path) == whole


# (g) another run in the same folder


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 6}, "seed"),
        ({"randomizers": {"light": {"intensity": 0.5}}}, "config.randomizers.light.intensity"),
        ({"randomizers": {"light": None}}, "config.randomizers.light"),
        ({"views_per_scene": 2}, "config.views_per_scene"),
        ({"output": {"shard_size": 4}}, "config.output.shard_size"),
        ({"models": {"include": ["mug"]}}, "config.models.include"),
        ({"physics": {"time_step": 0.005}}, "config.physics.time_step"),
    ],
)
def test_another_config_is_refused(
    small: Small, undisturbed: Path, change: dict[str, Any], named: str
) -> None:
    before = hashes(undisturbed)
    with pytest.raises(DatasetError) as caught:
        simkit.generate(small(**{"seed": 5, **change}), undisturbed, n=8)
    assert f"{named}: " in str(caught.value) or f"{named}." in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert hashes(undisturbed) == before


def test_keys_that_change_no_sample_may_change(small: Small, undisturbed: Path) -> None:
    before = hashes(undisturbed)
    report = simkit.generate(small(seed=5, workers=2, on_error="skip"), undisturbed, n=8)
    assert report.images == 0
    assert hashes(undisturbed) == before


def test_another_content_of_a_model_is_refused(small: Small, tmp_path: Path) -> None:
    import trimesh

    models = tmp_path / "models"
    models.mkdir()
    trimesh.creation.box((0.05, 0.04, 0.03)).export(models / "brick.ply")
    config = small(models={"source": str(models)}, scene={"objects": 2})
    simkit.generate(config, tmp_path / "out", n=1)
    assert simkit.generate(config, tmp_path / "out", n=1).images == 0
    trimesh.creation.box((0.05, 0.04, 0.031)).export(models / "brick.ply")
    with pytest.raises(DatasetError, match=r"models\[0\]\."):
        simkit.generate(config, tmp_path / "out", n=1)


def test_shards_without_a_description_are_refused(
    small: Small, undisturbed: Path, tmp_path: Path
) -> None:
    name = "shard-000000.tar"
    (tmp_path / name).write_bytes((undisturbed / name).read_bytes())
    with pytest.raises(DatasetError, match=r"no dataset\.json"):
        simkit.generate(small(seed=5), tmp_path, n=8)


# (i) streams


def params_of(config: dict[str, Any]) -> dict[str, Any]:
    with Pipeline(config) as pipeline:
        return pipeline(1).params


def test_randomizers_do_not_shift_each_other(small: Small) -> None:
    """Without one, with options of one changed, in another order: the others draw as before."""
    base = params_of(small(seed=2))
    assert set(base) >= {"scene", "placement", "material", "light", "camera", "physics"}
    without = params_of(small(seed=2, randomizers={"light": None}))
    assert "light" not in without
    assert {**without, "light": base["light"]} == base
    other = params_of(small(seed=2, randomizers={"material": {"keep_look": 0.0}}))
    assert other["material"] != base["material"]
    assert {**other, "material": base["material"]} == base


def test_the_order_of_randomizers_shifts_none(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scenes.tabletop import Tabletop

    base = params_of(small(seed=2))
    monkeypatch.setattr(Tabletop, "randomizers", ("camera", "light", "material", "placement"))
    assert params_of(small(seed=2)) == base


def test_zero_is_a_seed(small: Small, tmp_path: Path) -> None:
    zero = params_of(small(seed=0))
    assert zero == params_of(small())
    assert zero["camera"] != params_of(small(seed=1))["camera"]
    simkit.generate(small(seed=1), tmp_path, n=1, seed=0)
    record = simkit.open_dataset(tmp_path)
    assert record.description["config"]["seed"] == 0
    with Pipeline(small(seed=0)) as pipeline:
        assert record[0].params["camera"] == pipeline(0).params["camera"]


def test_material_looks_do_not_depend_on_what_else_is_in_the_scene(small: Small) -> None:
    """What is drawn once a view differs between views and not between runs of one view."""
    with Pipeline(small(randomizers={"light": {"every": "view"}}, views_per_scene=2)) as pipeline:
        first, second = pipeline(0), pipeline(1)
        assert first.params["light"] != second.params["light"]
        assert pipeline(0).params == first.params


# (j) remote folders


def test_a_memory_url(small: Small, undisturbed: Path) -> None:
    url = "memory://test_determinism/data"
    simkit.generate(small(seed=5), url, n=5)
    report = simkit.generate(small(seed=5), url, n=8)
    assert report.images == 5
    folder = Folder(url)
    expected = hashes(undisturbed)
    assert folder.names() == sorted(expected)
    for name in folder.names():
        assert hashlib.sha256(folder.read(name)).hexdigest() == expected[name], name
    data = simkit.open_dataset(url)
    assert len(data) == 8
    assert data.verify() == []
