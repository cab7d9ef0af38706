"""Waiting for a service that is away: try again later and later, and say so."""

from __future__ import annotations

import logging
import time

_FIRST_S, _LAST_S = 0.5, 30.0


class Backoff:
    """When to try again. The caller goes on polling meanwhile: who sleeps loses its partitions."""

    def __init__(self, log: logging.Logger, *, last_s: float = _LAST_S) -> None:
        self._log = log
        self._last_s = last_s
        self._pause_s = _FIRST_S
        self._again_at = 0.0

    @property
    def due(self) -> bool:
        return time.monotonic() >= self._again_at

    @property
    def waiting(self) -> bool:
        """Whether the last attempt failed."""
        return self._again_at > 0.0

    def failed(self, reason: Exception) -> None:
        """Wait twice as long as before."""
        self._log.warning("%s; trying again in %.1f s", reason, self._pause_s)
        self._again_at = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, self._last_s)

    def succeeded(self) -> None:
        self._again_at, self._pause_s = 0.0, _FIRST_S
