"""Awaiting conditions."""

from __future__ import annotations

import time
from collections.abc import Callable

_TICK_S = 0.1


class TooLate(AssertionError):
    """A condition did not come true in time."""


def wait_for(happened: Callable[[], bool], what: str, timeout_s: float) -> None:
    """:raises TooLate: when the time is over first."""
    deadline = time.monotonic() + timeout_s
    while not happened():
        if time.monotonic() > deadline:
            raise TooLate(f"waited for {what} for {timeout_s:g} s in vain")
        time.sleep(_TICK_S)


def in_time(happened: Callable[[], bool], what: str, timeout_s: float) -> list[str]:
    """The same, with a broken promise in words instead of an error."""
    try:
        wait_for(happened, what, timeout_s)
    except TooLate as late:
        return [str(late)]
    return []
