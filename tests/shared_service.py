"""Services that all test processes of one run share: the first that needs one starts it, for the others, too.

Each user holds a shared lock on a file beside the others' while it tests. Whoever started the service ends it
when all have let go. A process that comes still later starts the service again.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

ServiceFacts = dict[str, Any]  # what a user must know of a service, as JSON


def run_folder(factory: pytest.TempPathFactory) -> Path:
    """The same for all processes of pytest-xdist, whose own folders are in it."""
    own = factory.getbasetemp()
    return own.parent if own.name.startswith("popen-") else own


@contextmanager
def shared_service(
    folder: Path, name: str, service: Callable[[Path], AbstractContextManager[ServiceFacts]]
) -> Iterator[ServiceFacts]:
    """The facts of a running service, started in a folder of its own unless it runs already."""
    told = folder / f"{name}.json"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        if told.exists():
            yield json.loads(told.read_text(encoding="utf-8"))
            return
        fcntl.flock(lock, fcntl.LOCK_UN)
        fcntl.flock(lock, fcntl.LOCK_EX)  # no user is left and no other process starts it
        if told.exists():
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield json.loads(told.read_text(encoding="utf-8"))
            return
        with service(folder / name) as facts:
            told.write_text(json.dumps(facts), encoding="utf-8")
            fcntl.flock(lock, fcntl.LOCK_SH)
            try:
                yield facts
            finally:
                fcntl.flock(lock, fcntl.LOCK_EX)
                told.unlink()
