"""Who runs which index where: this process, or a pool of spawned ones. It changes no sample."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice

from simkit.assets.library import Library
from simkit.config import Config
from simkit.errors import SimkitError
from simkit.execute.worker import Done, Worker

SINGLE_THREADED = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
BATCHES_AHEAD = 2
"""Batches a worker has queued, so that it never waits for the writer."""


def run(config: Config, batches: list[list[int]], library: Library) -> Iterator[Done]:
    """Yield the finished batches in the order in which they finish.

    Args:
        config: ``run.workers`` says how many processes; 1 is this one.
        batches: indices that belong together (the views of a scene).
        library: the models; spawned workers load their own.

    Raises:
        SimkitError: a sample cannot be made, or a worker died; the message says which.
    """
    if config.run.workers == 1 or len(batches) <= 1:
        return _here(config, batches, library)
    return _in_pool(config, batches)


def _here(config: Config, batches: list[list[int]], library: Library) -> Iterator[Done]:
    worker = Worker(config, library)
    try:
        for batch in batches:
            yield worker.run(batch)
    finally:
        worker.close()


def _in_pool(config: Config, batches: list[list[int]]) -> Iterator[Done]:
    count = min(config.run.workers, len(batches))
    left = iter(batches)
    with _single_threaded():
        pool = ProcessPoolExecutor(
            max_workers=count,
            mp_context=multiprocessing.get_context("spawn"),  # forked GL and Embree states hang
            initializer=_start,
            initargs=(config,),
        )
        try:
            running: dict[Future[Done], list[int]] = {}
            while True:
                for batch in islice(left, count * BATCHES_AHEAD - len(running)):
                    running[pool.submit(_run, batch)] = batch
                if not running:
                    return
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    batch = running.pop(future)
                    yield _result(future, batch, running)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _result(future: Future[Done], batch: list[int], running: dict[Future[Done], list[int]]) -> Done:
    try:
        return future.result()
    except BrokenProcessPool:
        at_work = sorted({index for other in (batch, *running.values()) for index in other})
        raise SimkitError(
            f"a worker died (out of memory, or killed) while samples {at_work[0]} to {at_work[-1]} "
            "were in work. Complete shards are kept: run the same command again to go on, with "
            "fewer workers if memory ran out"
        ) from None


_worker: Worker | None = None
"""The worker of this spawned process; it lives as long as the process."""


def _start(config: Config) -> None:
    global _worker
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    _worker = Worker(config)


def _leave_with_parent() -> None:
    """End this process when the parent is killed; it would wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _run(batch: list[int]) -> Done:
    assert _worker is not None
    return _worker.run(batch)


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Let processes that start meanwhile use one thread each: there is one a core already."""
    before = {name: os.environ.get(name) for name in SINGLE_THREADED}
    os.environ.update(dict.fromkeys(SINGLE_THREADED, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
