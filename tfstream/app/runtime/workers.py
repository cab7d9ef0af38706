"""Several scorer processes from one command: started, watched and ended together."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from tfstream.errors import TfstreamError

_log = logging.getLogger("tfstream.score")
_LONGER_S = 5.0  # than the workers' own deadline: they say why themselves
_TICK_S = 0.2
_TOLD_TO_END = (0, 130, -signal.SIGTERM)  # one that had not begun has nothing to finish


def run_workers(
    commands: Sequence[Sequence[str]], stop: Callable[[], bool], *, drain_s: float = 30.0
) -> None:
    """Run ``python -m tfstream`` once for each list of arguments until all have ended or ``stop`` says so.

    They then have ``drain_s`` of their own, and a little longer before they are killed.

    :raises TfstreamError: with a worker's exit code when it fails; the others are then told to finish, too.
    """
    # in sessions of their own: a terminal's Ctrl-C must reach them once, through us, or they do not drain
    workers = [
        subprocess.Popen([sys.executable, "-m", "tfstream", *command], start_new_session=True)
        for command in commands
    ]
    try:
        while any(worker.poll() is None for worker in workers) and not stop():
            _raise_for_failed(workers, well=(0,))
            time.sleep(_TICK_S)
    finally:
        _end(workers, drain_s + _LONGER_S)
    _raise_for_failed(workers, well=_TOLD_TO_END if stop() else (0,))


def _raise_for_failed(workers: Sequence[subprocess.Popen[bytes]], well: Sequence[int]) -> None:
    """The command ends as its worker did: a supervisor tells bad data from a broker that is away."""
    for number, worker in enumerate(workers):
        code = worker.poll()
        if code is not None and code not in well:
            error = TfstreamError(f"worker {number} ended with exit code {code}; its last lines say why")
            error.exit_code = code if code > 0 else TfstreamError.exit_code
            raise error


def _end(workers: Sequence[subprocess.Popen[bytes]], drain_s: float) -> None:
    """SIGTERM to all, one deadline for all; whoever misses it is killed: nothing uncommitted is visible."""
    for worker in workers:
        if worker.poll() is None:
            worker.terminate()
    deadline = time.monotonic() + drain_s
    for worker in workers:
        try:
            worker.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _log.error("worker %d did not finish in %.0f s and is killed", worker.pid, drain_s)
            worker.kill()
            worker.wait()
