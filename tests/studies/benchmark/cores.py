"""Which core measures and which ones serve: a broker on the measured core would be measured, too."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.studies.processes import run_in_process

ALL = frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset()

MEASURED = frozenset(sorted(ALL)[:1])
SERVING = frozenset(sorted(ALL)[1:]) or MEASURED


def alone(work: Callable[..., Any], **arguments: Any) -> Any:
    """``work`` in a fresh process that has the measured core for itself, and computes on one thread."""
    with pinned(MEASURED):
        return run_in_process(work, **arguments)


@contextmanager
def pinned(cores: frozenset[int]) -> Iterator[None]:
    """Threads and processes that are started within stay on these cores; where the system knows how."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
