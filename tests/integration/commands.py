"""The real command line as child processes."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.integration import forked
from tests.integration.forked import Forked

_TIMEOUT_S = 480.0
_TICK_S, _LONGEST_TICK_S = 0.05, 0.5


class Tfstream:
    """``tfstream`` with an environment of its own; its fits take few steps."""

    module = "tests.integration.quick"

    def __init__(self, database_url: str, bootstrap: str, **more: str) -> None:
        self.database_url = database_url
        self.bootstrap = bootstrap
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TFSTREAM_")}
        self.environment = {
            **inherited,
            "TFSTREAM_DATABASE_URL": database_url,
            "TFSTREAM_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "COLUMNS": "200",
            **more,
        }

    def run(self, *arguments: str | Path, exit_code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command to its end and hold it to its exit code."""
        done = forked.run(self.module, [*map(str, arguments)], self.environment, _TIMEOUT_S)
        assert done.returncode == exit_code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *arguments: str | Path, output: IO[str] | None = None) -> Forked:
        """What it says goes to ``output``, errors included; without one to the process's ``stdout``."""
        return forked.start(self.module, [*map(str, arguments)], self.environment, output)

    @contextmanager
    def running(self, *arguments: str | Path) -> Iterator[Forked]:
        """A command that runs for as long as the block, and is killed with it at the latest."""
        process = self.start(*arguments)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


class Thorough(Tfstream):
    """As it is for its users."""

    module = "tfstream.__main__"


def wait_until(
    happened: Callable[[], bool],
    what: str,
    process: Forked | None = None,
    timeout_s: float = 180.0,
) -> None:
    """Await a condition; a process that ends first, or a deadline, is a failure with its words."""
    began = time.monotonic()
    deadline = began + timeout_s
    while not happened():
        asked_for_s = time.monotonic() - began
        if process is not None and process.poll() is not None:
            raise AssertionError(
                f"the process ended with {process.returncode} before {what}\n{_said(process)}"
            )
        if time.monotonic() > deadline:
            raise AssertionError(f"{timeout_s:g} s went by before {what}")
        time.sleep(max(_TICK_S, min(asked_for_s, _LONGEST_TICK_S)))  # asking takes half of the time at most
        began = time.monotonic()


def _said(process: Forked) -> str:
    return process.communicate(timeout=_TIMEOUT_S)[0] or ""  # without one it could not be asked again
