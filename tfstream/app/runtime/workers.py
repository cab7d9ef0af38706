"""Several scorer processes from one command, which starts and ends them together."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from tfstream.errors import TfstreamError

_log = logging.getLogger("tfstream.score")
_KILL_AFTER_S = 5.0  # after the workers' own deadline, at which each logs why it did not finish
_TICK_S = 0.2
_STOPPED_CODES = (0, 130, -signal.SIGTERM)  # the last two: it got the signal before its work began


def run_workers(
    commands: Sequence[Sequence[str]], stop: Callable[[], bool], *, drain_s: float = 30.0
) -> None:
    """Run ``python -m tfstream`` once for each list of arguments, until all end or ``stop`` returns True.

    After ``stop`` each worker has ``drain_s`` seconds to drain; 5 s later it is killed.

    :raises TfstreamError: with a worker's exit code when it fails; the other workers then drain, too.
    """
    # in sessions of their own: a terminal's Ctrl-C must reach each worker only once, through this process
    workers = [
        subprocess.Popen([sys.executable, "-m", "tfstream", *command], start_new_session=True)
        for command in commands
    ]
    try:
        while any(worker.poll() is None for worker in workers) and not stop():
            _raise_for_failed(workers, expected=(0,))
            time.sleep(_TICK_S)
    finally:
        _end(workers, drain_s + _KILL_AFTER_S)
    _raise_for_failed(workers, expected=_STOPPED_CODES if stop() else (0,))


def _raise_for_failed(workers: Sequence[subprocess.Popen[bytes]], expected: Sequence[int]) -> None:
    """The command gets its worker's exit code: it shows a supervisor the cause, bad data or a broker away."""
    for number, worker in enumerate(workers):
        code = worker.poll()
        if code is not None and code not in expected:
            error = TfstreamError(f"worker {number} ended with exit code {code}; read its last log lines")
            error.exit_code = code if code > 0 else TfstreamError.exit_code
            raise error


def _end(workers: Sequence[subprocess.Popen[bytes]], drain_s: float) -> None:
    """Send SIGTERM to all workers, then SIGKILL after the deadline: nothing uncommitted is visible."""
    for worker in workers:
        if worker.poll() is None:
            worker.terminate()
    deadline = time.monotonic() + drain_s
    for worker in workers:
        try:
            worker.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _log.error("worker %d did not end in %.0f s and is killed", worker.pid, drain_s)
            worker.kill()
            worker.wait()
