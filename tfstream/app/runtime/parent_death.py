"""A worker does not outlive the process that started it, not even one that was killed."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LOOK_EVERY_S = 1.0


def end_with_parent(parent: int) -> None:
    """SIGTERM to this process, which then drains, as soon as the process ``parent`` is gone.

    Linux sends it by itself. Elsewhere a thread looks whether this process has another parent by now.
    """
    if sys.platform != "linux" or not _asked_the_kernel():
        threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()
    elif os.getppid() != parent:  # it died before the kernel was asked
        os.kill(os.getpid(), signal.SIGTERM)


def _asked_the_kernel() -> bool:
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    return prctl is not None and prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) == 0


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)
