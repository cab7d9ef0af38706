"""librdkafka says of every attempt to connect that it failed: hundreds of lines a minute in an outage."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

_EVERY_S = 30.0


class Repeats(logging.Filter):
    """Lets one record of a kind through in so many seconds; the next one says how many were left out.

    Records are of a kind when they begin with the same word: ``FAIL``, ``REQTMOUT``, ``GETPID``.
    """

    def __init__(self, every_s: float = _EVERY_S, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._every_s = every_s
        self._clock = clock
        self._kinds: dict[
            str, tuple[float, int]
        ] = {}  # when one was let through, and how many were not since

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        kind = said.partition(" ")[0]
        last, left_out = self._kinds.get(kind, (-self._every_s, 0))
        if self._clock() - last < self._every_s:
            self._kinds[kind] = last, left_out + 1
            return False
        self._kinds[kind] = self._clock(), 0
        if left_out:
            record.msg, record.args = f"{said} ({left_out} more like it left out)", ()
        return True
