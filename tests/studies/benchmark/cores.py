"""Separate cores for the measured process and for the services, which would otherwise be measured, too."""

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
    """Call ``work`` in a fresh process, alone on the measured core and with one thread."""
    with pinned(MEASURED):
        return run_in_process(work, **arguments)


@contextmanager
def pinned(cores: frozenset[int]) -> Iterator[None]:
    """Keep threads and processes that start in this block on these cores, if the system supports it."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
