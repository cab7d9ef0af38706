"""A server that hangs: its connections stay open, new ones are accepted, and nobody answers."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def suspended(pid: int) -> Iterator[None]:
    """The process and its children, which a stopped parent cannot multiply, for as long as the block runs."""
    os.kill(pid, signal.SIGSTOP)
    stopped = [pid]
    try:
        for child in children(pid):
            os.kill(child, signal.SIGSTOP)
            stopped.append(child)
        yield
    finally:
        for one in reversed(stopped):
            os.kill(one, signal.SIGCONT)


def children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text().rpartition(")")[2].split()[1]
        except (FileNotFoundError, ProcessLookupError):  # it has ended since
            continue
        if int(parent) == pid:
            found.append(int(stat.parent.name))
    return found
