"""A deadline for calls that may never return."""

from __future__ import annotations

import logging
import os
import threading

_log = logging.getLogger("tfstream.kafka")
HANG_TIMEOUT_S = 75.0  # longer than all calls of a commit may take together
_EXIT_CODE = 4


class Watchdog:
    """Ends the process when a transactional call takes longer than all its time limits together.

    Such a call can hang for ever after the process was stopped and resumed, while heartbeats continue and the
    process keeps its partitions. Ending the process is safe: nothing uncommitted is visible.
    """

    def __init__(self, name: str) -> None:
        self._timer = threading.Timer(HANG_TIMEOUT_S, _end_process, (name,))
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def _end_process(name: str) -> None:
    _log.critical("%s: a commit hung for %.0f s; this process ends, start it again", name, HANG_TIMEOUT_S)
    os._exit(_EXIT_CODE)
