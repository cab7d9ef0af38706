"""Why nothing is scored: one reason at a time, logged when it changes and again every minute."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from enum import StrEnum

from tfstream.app.runtime.metrics import NOT_SCORING, MetricBoard, Sample

_log = logging.getLogger("tfstream.score")
_REMIND_S = 60.0


class IdleReason(StrEnum):
    """What keeps a scorer from scoring, in the order in which a new scorer meets it."""

    STARTING = "starting"
    NO_MODEL = "no-model"
    DATABASE = "database-unreachable"
    BROKER = "broker-unreachable"
    NO_PARTITIONS = "no-partitions"
    RESTORING = "restoring"
    NO_MESSAGES = "no-messages"
    WINDOWS_FILLING = "windows-filling"
    NO_KNOWN_SENSOR = "no-known-sensor"
    DEAD_LETTER_LIMIT = "dead-letter-limit"


class ScoringStatus:
    """Keeps the present reason, None while windows are scored, and writes it to the log and the metrics."""

    def __init__(self, topic: str, board: MetricBoard, clock: Callable[[], float] = time.monotonic) -> None:
        self.reason: IdleReason | None = None
        self._topic = topic
        self._board = board
        self._clock = clock
        self._since = self._logged_at = clock()
        self.report_idle(IdleReason.STARTING, "starting")

    def report_idle(self, reason: IdleReason, detail: str) -> None:
        """Nothing is scored now; ``detail`` is the reason for a reader of the log."""
        now = self._clock()
        if reason is not self.reason:
            self._change(reason, now)
            _log.log(_LEVELS.get(reason, logging.WARNING), "%s: not scoring: %s", self._topic, detail)
        elif now - self._logged_at >= _REMIND_S:
            self._logged_at = now
            _log.warning("%s: not scoring for %.0f s now: %s", self._topic, now - self._since, detail)

    def report_scoring(self) -> None:
        """Windows are scored now."""
        if self.reason is not None:
            now = self._clock()
            _log.info("%s: scoring windows, after %.0f s of %s", self._topic, now - self._since, self.reason)
            self._change(None, now)

    def _change(self, reason: IdleReason | None, now: float) -> None:
        self.reason, self._since, self._logged_at = reason, now, now
        self._board.publish(
            "not-scoring",
            [
                Sample(NOT_SCORING, ("score", self._topic, each.value), float(each is reason))
                for each in IdleReason
            ],
        )


# These reasons usually end by themselves within seconds: a warning only when they last.
_LEVELS = {
    IdleReason.STARTING: logging.DEBUG,
    IdleReason.RESTORING: logging.INFO,
    IdleReason.NO_MESSAGES: logging.INFO,
    IdleReason.WINDOWS_FILLING: logging.INFO,
}
