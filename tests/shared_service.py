"""A service that all test processes of one run share: the first process that needs it starts it.

Each process holds a shared lock on the service's lock file while it uses the service. The process that
started the service ends it when all others have released the lock. A later process starts the service again.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

ServiceFacts = dict[str, Any]  # what a test must know of a service (URL, names), as JSON


def run_folder(factory: pytest.TempPathFactory) -> Path:
    """The folder of this test run: all processes of pytest-xdist have their own folders in it."""
    folder = factory.getbasetemp()
    return folder.parent if folder.name.startswith("popen-") else folder


@contextmanager
def shared_service(
    folder: Path, name: str, service: Callable[[Path], AbstractContextManager[ServiceFacts]]
) -> Iterator[ServiceFacts]:
    """Start the service in its own folder unless it runs already; yields its facts."""
    facts_file = folder / f"{name}.json"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        if facts_file.exists():
            yield json.loads(facts_file.read_text(encoding="utf-8"))
            return
        fcntl.flock(lock, fcntl.LOCK_UN)
        fcntl.flock(lock, fcntl.LOCK_EX)  # no other process uses or starts the service
        if facts_file.exists():
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield json.loads(facts_file.read_text(encoding="utf-8"))
            return
        with service(folder / name) as facts:
            facts_file.write_text(json.dumps(facts), encoding="utf-8")
            fcntl.flock(lock, fcntl.LOCK_SH)
            try:
                yield facts
            finally:
                fcntl.flock(lock, fcntl.LOCK_EX)
                facts_file.unlink()
