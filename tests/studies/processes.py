"""Fresh child processes that compute on one thread each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

_THREAD_COUNTS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@contextmanager
def workers(count: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of fresh processes that compute on one thread each."""
    with _one_thread(), ProcessPoolExecutor(count, get_context("spawn")) as pool:
        yield pool


def run_in_process(work: Callable[..., Any], **arguments: Any) -> Any:
    """Call ``work`` in a fresh process, so that its time and memory are measured alone."""
    with workers(1) as pool:
        return pool.submit(work, **arguments).result()


@contextmanager
def _one_thread() -> Iterator[None]:
    """New processes compute on one thread from their first import on."""
    before = {name: os.environ.get(name) for name in _THREAD_COUNTS}
    os.environ.update(dict.fromkeys(_THREAD_COUNTS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
