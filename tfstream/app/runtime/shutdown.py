"""The end of a process after SIGTERM or Ctrl-C: one deadline for all work that is still in progress."""

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
_EXIT_CODE = 4  # as for an unreachable service, the usual cause of a drain that does not end
_ENDING = {signal.SIGTERM, signal.SIGINT}
_LAST_RESORT_S = 2.0  # after the deadline; the parent of workers waits longer before it kills them
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
    """End the process when the block has not ended ``drain_s`` seconds after the first SIGTERM or Ctrl-C.

    Python runs a signal's handler only after the main thread has returned from its present call, which may be
    a request to a broker that does not answer. The signal itself wakes the watcher thread here at once.
    Ending the process at any point is safe: nothing uncommitted is visible.

    If a library hangs while holding the GIL, no Python thread runs, and the process exits with code 1 two
    seconds later: a timer in C writes every thread's stack to stderr and ends it. librdkafka has hung like
    that while it left its group. The block gets the function that starts this timer, for its signal handler
    to call first: the main thread may enter such a library before the watcher thread runs.
    """
    if drain_s is None:
        yield lambda: None
        return
    last_resort = partial(
        faulthandler.dump_traceback_later, drain_s + _LAST_RESORT_S, exit=True, file=_STDERR
    )
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    ended = threading.Event()
    watcher = threading.Thread(
        target=_enforce_deadline, args=(receiver, drain_s, last_resort, ended), name="drain", daemon=True
    )
    watcher.start()
    try:
        yield last_resort
    finally:
        ended.set()
        signal.set_wakeup_fd(before)
        sender.close()  # wakes the watcher thread, if no signal has
        watcher.join()
        faulthandler.cancel_dump_traceback_later()
        receiver.close()


def _enforce_deadline(
    receiver: socket.socket, drain_s: float, last_resort: Callable[[], None], ended: threading.Event
) -> None:
    while numbers := receiver.recv(64):
        if _ENDING & set(numbers):
            last_resort()
            if not ended.wait(drain_s):
                _end_process(drain_s)
            return


def _end_process(drain_s: float) -> None:
    _log.critical(
        "the work in progress could not be finished in %g s; this process ends, nothing uncommitted was "
        "written; check Kafka and PostgreSQL, or allow more time with --drain-timeout",
        drain_s,
    )
    logging.shutdown()
    os._exit(_EXIT_CODE)
