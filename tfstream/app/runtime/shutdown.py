"""One deadline for everything that is still to be done after SIGTERM."""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

from tfstream.app.runtime.background import Stop

_log = logging.getLogger("tfstream")
_EXIT_CODE = 4  # as when a service cannot be reached: that is what keeps a process from draining
_ENDING = {signal.SIGTERM, signal.SIGINT}
_LAST_RESORT_S = 2.0  # later than that, and sooner than who waits for a worker kills it
_SAME_SIGNAL_S = 0.5  # Linux sends a killed parent's signal once for each thread of a worker, in a burst
_STDERR = 2


@contextmanager
def until_signalled(drain_s: float | None = None) -> Iterator[Stop]:
    """Yield ``stop``, which returns True after the first SIGTERM or Ctrl-C.

    A second signal raises KeyboardInterrupt, which ends the process at once. With ``drain_s`` the process
    ends ``drain_s`` seconds after the first signal, whatever the block still waits for.
    """
    with deadline_after_signal(drain_s) as last_resort:
        yield from _handle_signals(last_resort)


def _handle_signals(last_resort: Callable[[], None]) -> Iterator[Stop]:
    stopping = threading.Event()
    first_s: float | None = None

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal first_s
        if first_s is not None:  # set before all else: a second signal may interrupt this handler
            if time.monotonic() - first_s > _SAME_SIGNAL_S:
                raise KeyboardInterrupt
            return
        first_s = time.monotonic()
        stopping.set()
        last_resort()
        _log.info("stopping: finishing the work in progress (send the signal again to end at once)")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def deadline_after_signal(drain_s: float | None) -> Iterator[Callable[[], None]]:
    """Ends the process when the block has not ended ``drain_s`` after the first SIGTERM or Ctrl-C.

    Python runs a signal's handler only when the main thread is back from what it waits for, such as a call
    to a broker that does not answer. The signal itself wakes the watching thread here at once. Ending in the
    middle is safe: nothing uncommitted is visible to anyone.

    No thread of Python's runs while a library hangs that has not let go of the interpreter's lock, as
    librdkafka has been seen to do when it left its group. For that a timer of C's own is set as well: two
    seconds later it writes to stderr where every thread stands, and ends the process with exit code 1.
    The block gets what sets this timer, for its signal handler to call first: the watching thread may not
    have had its turn before the main thread goes on into such a library.
    """
    if drain_s is None:
        yield lambda: None
        return
    last_resort = partial(
        faulthandler.dump_traceback_later, drain_s + _LAST_RESORT_S, exit=True, file=_STDERR
    )
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    over = threading.Event()
    watcher = threading.Thread(
        target=_watch, args=(ours, drain_s, last_resort, over), name="drain", daemon=True
    )
    watcher.start()
    try:
        yield last_resort
    finally:
        over.set()
        signal.set_wakeup_fd(before)
        theirs.close()  # wakes the watcher, if no signal has
        watcher.join()
        faulthandler.cancel_dump_traceback_later()
        ours.close()


def _watch(
    wakeup: socket.socket, drain_s: float, last_resort: Callable[[], None], over: threading.Event
) -> None:
    while numbers := wakeup.recv(64):
        if _ENDING & set(numbers):
            last_resort()
            if not over.wait(drain_s):
                _end(drain_s)
            return


def _end(drain_s: float) -> None:
    _log.critical(
        "what was in hand could not be finished in %g s; this process ends, and nothing uncommitted was "
        "written: are Kafka and PostgreSQL well? --drain-timeout gives it more time",
        drain_s,
    )
    logging.shutdown()
    os._exit(_EXIT_CODE)
