"""Ends a worker when the process that started it is gone, also when that process was killed."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_CHECK_EVERY_S = 1.0


def end_with_parent(parent: int) -> None:
    """Send SIGTERM to this process, which then drains, as soon as the process ``parent`` is gone.

    Linux sends the signal by itself. On other systems a thread checks whether the parent is another process.
    """
    if sys.platform != "linux" or not _request_parent_signal():
        threading.Thread(target=_check_parent, args=(parent,), name="parent", daemon=True).start()
    elif os.getppid() != parent:  # the parent died before the request
        os.kill(os.getpid(), signal.SIGTERM)


def _request_parent_signal() -> bool:
    """Whether the kernel sends SIGTERM to this process when its parent dies."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    return prctl is not None and prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) == 0


def _check_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_CHECK_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)
