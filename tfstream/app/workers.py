"""Several scorer processes from one command: started, watched and ended together."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from tfstream.errors import TfstreamError

_log = logging.getLogger("tfstream.score")
_DRAIN_S = 60.0
_TICK_S = 0.2


def run_workers(commands: Sequence[Sequence[str]], stop: Callable[[], bool]) -> None:
    """Run ``python -m tfstream`` once for each list of arguments until all have ended or ``stop`` says so.

    :raises TfstreamError: with a worker's exit code when it fails; the others are then told to finish, too.
    """
    # in sessions of their own: a terminal's Ctrl-C must reach them once, through us, or they do not drain
    workers = [
        subprocess.Popen([sys.executable, "-m", "tfstream", *command], start_new_session=True)
        for command in commands
    ]
    try:
        while any(worker.poll() is None for worker in workers):
            failed = next((worker for worker in workers if worker.poll() not in (None, 0)), None)
            if failed is not None:
                raise _failure(workers.index(failed), failed.returncode)
            if stop():
                return
            time.sleep(_TICK_S)
    finally:
        _end(workers)


def _failure(number: int, exit_code: int) -> TfstreamError:
    """The command ends as its worker did: a supervisor tells bad data from a broker that is away."""
    error = TfstreamError(f"worker {number} ended with exit code {exit_code}; its last lines say why")
    error.exit_code = exit_code if exit_code > 0 else TfstreamError.exit_code
    return error


def _end(workers: Sequence[subprocess.Popen[bytes]]) -> None:
    """SIGTERM to all, one deadline for all; whoever misses it is killed: nothing uncommitted is visible."""
    for worker in workers:
        if worker.poll() is None:
            worker.terminate()
    deadline = time.monotonic() + _DRAIN_S
    for worker in workers:
        try:
            worker.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _log.error("worker %d did not finish in %.0f s and is killed", worker.pid, _DRAIN_S)
            worker.kill()
            worker.wait()
