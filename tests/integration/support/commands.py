"""The command line ``tfstream`` in child processes."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.integration.support import forked_command
from tests.integration.support.forked_command import ForkedCommand

_TIMEOUT_S = 480.0
_TICK_S, _LONGEST_TICK_S = 0.05, 0.5


class Tfstream:
    """Runs ``tfstream`` with its own environment; a fit takes few training steps."""

    module = "tests.integration.support.short_training"

    def __init__(self, database_url: str, bootstrap: str, **variables: str) -> None:
        self.database_url = database_url
        self.bootstrap = bootstrap
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TFSTREAM_")}
        self.environment = {
            **inherited,
            "TFSTREAM_DATABASE_URL": database_url,
            "TFSTREAM_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "COLUMNS": "200",
            **variables,
        }

    def run(self, *arguments: str | Path, exit_code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command to its end and check its exit code."""
        done = forked_command.run(self.module, [*map(str, arguments)], self.environment, _TIMEOUT_S)
        assert done.returncode == exit_code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *arguments: str | Path, output: IO[str] | None = None) -> ForkedCommand:
        """Start a command; its stdout and stderr go to ``output``, or else to the process's ``stdout``."""
        return forked_command.start(self.module, [*map(str, arguments)], self.environment, output)

    @contextmanager
    def running(self, *arguments: str | Path) -> Iterator[ForkedCommand]:
        """Run a command during the block; at the end of the block the process is killed if it still runs."""
        process = self.start(*arguments)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


class FullTrainingTfstream(Tfstream):
    """Runs ``tfstream`` as users run it, with all training steps."""

    module = "tfstream.__main__"


def wait_until(
    condition: Callable[[], bool],
    description: str,
    process: ForkedCommand | None = None,
    timeout_s: float = 180.0,
) -> None:
    """Wait for a condition; fails if the process ends first (its output is shown) or after ``timeout_s``."""
    started_s = time.monotonic()
    deadline_s = started_s + timeout_s
    while not condition():
        check_s = time.monotonic() - started_s
        if process is not None and process.poll() is not None:
            raise AssertionError(
                f"the process ended with {process.returncode} before {description}\n{_output(process)}"
            )
        if time.monotonic() > deadline_s:
            raise AssertionError(f"{timeout_s:g} s went by before {description}")
        time.sleep(max(_TICK_S, min(check_s, _LONGEST_TICK_S)))  # checks take half of the time at most
        started_s = time.monotonic()


def _output(process: ForkedCommand) -> str:
    return process.communicate(timeout=_TIMEOUT_S)[0] or ""  # without a timeout a second call would fail
