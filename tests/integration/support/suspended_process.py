"""A suspended server: connections stay open, the kernel accepts new connections, requests get no answer."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def suspended(pid: int) -> Iterator[None]:
    """Suspend a process and its children during the block; the parent first, so that it forks no more."""
    os.kill(pid, signal.SIGSTOP)
    suspended_pids = [pid]
    try:
        for child in children(pid):
            os.kill(child, signal.SIGSTOP)
            suspended_pids.append(child)
        yield
    finally:
        for process in reversed(suspended_pids):
            os.kill(process, signal.SIGCONT)


def children(pid: int) -> list[int]:
    """Pids of the children of a process."""
    pids = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text().rpartition(")")[2].split()[1]
        except (FileNotFoundError, ProcessLookupError):  # the process has ended
            continue
        if int(parent) == pid:
            pids.append(int(stat.parent.name))
    return pids
