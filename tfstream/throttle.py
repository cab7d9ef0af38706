"""Limits repeated log lines: in an outage every client of librdkafka logs the same for every broker."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable

_EVERY_S = 30.0


class Throttle(logging.Filter):
    """Lets the first line of a kind pass, then one line per ``every_s`` seconds with the number left out.

    It limits only warnings and errors about Kafka. A kind is librdkafka's facility (FAIL, ERROR, …); lines
    of tfstream itself are of one kind when their texts are equal.
    """

    def __init__(self, every_s: float = _EVERY_S, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._every_s = every_s
        self._clock = clock
        self._lock = threading.Lock()
        self._next_at: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING or not record.name.startswith("tfstream.kafka"):
            return True
        kind, now = _kind(record.getMessage()), self._clock()
        with self._lock:
            if now < self._next_at.get(kind, now):
                self._left_out[kind] = self._left_out.get(kind, 0) + 1
                return False
            self._next_at[kind] = now + self._every_s
            left_out = self._left_out.pop(kind, 0)
        if left_out:
            record.msg = f"{record.getMessage()} (and {left_out} more like it before)"
            record.args = None
        return True


def _kind(text: str) -> str:
    match = re.match(r"([A-Z_]+) \[", text)  # librdkafka: facility, client, text
    return match[1] if match else text
