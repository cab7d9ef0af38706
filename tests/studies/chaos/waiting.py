"""Waiting for conditions."""

from __future__ import annotations

import time
from collections.abc import Callable

_TICK_S = 0.1


class ConditionTimeout(AssertionError):
    """A condition did not come true in time."""


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float) -> None:
    """Wait until the condition is true; ``what`` names it in the error.

    :raises ConditionTimeout: when it is still false after ``timeout_s``.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise ConditionTimeout(f"waited {timeout_s:g} s for {what}")
        time.sleep(_TICK_S)


def wait_and_report(condition: Callable[[], bool], what: str, timeout_s: float) -> list[str]:
    """As :func:`wait_for`, but returns the timeout as a line of text instead of raising it."""
    try:
        wait_for(condition, what, timeout_s)
    except ConditionTimeout as timeout:
        return [str(timeout)]
    return []
