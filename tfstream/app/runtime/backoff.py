"""Pauses between attempts while a service is away: each twice as long as the one before."""

from __future__ import annotations

import logging
import time

_FIRST_PAUSE_S, _MAX_PAUSE_S = 0.5, 30.0


class Backoff:
    """When to try again. It does not sleep: the caller must poll meanwhile, or it loses its partitions."""

    def __init__(self, log: logging.Logger, *, max_pause_s: float = _MAX_PAUSE_S) -> None:
        self._log = log
        self._max_pause_s = max_pause_s
        self._pause_s = _FIRST_PAUSE_S
        self._retry_at = 0.0

    @property
    def due(self) -> bool:
        """Whether the pause is over."""
        return time.monotonic() >= self._retry_at

    @property
    def waiting(self) -> bool:
        """Whether the last attempt failed."""
        return self._retry_at > 0.0

    def failed(self, reason: Exception) -> None:
        """Log the failure, and double the next pause up to the maximum."""
        self._log.warning("%s; trying again in %.1f s", reason, self._pause_s)
        self._retry_at = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, self._max_pause_s)

    def succeeded(self) -> None:
        """Begin with the shortest pause again."""
        self._retry_at, self._pause_s = 0.0, _FIRST_PAUSE_S
