"""``tfstream trainer``: refits every stream on a cron schedule.

One stream's failure is told and does not keep the others from being refitted; the champion of a stream whose
refit fails stays in charge.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

from tfstream.app.training import TrainingOptions, train
from tfstream.core.stream import MICROSECONDS
from tfstream.errors import ConfigurationError, TfstreamError
from tfstream.storage import readings, streams
from tfstream.storage.database import Database
from tfstream.storage.streams import StreamRecord

_log = logging.getLogger("tfstream.trainer")
_TICK_S = 0.5


def schedule(expression: str, start: datetime) -> Iterator[datetime]:
    """The times of a cron expression after ``start``.

    :raises ConfigurationError: when the expression is no cron expression or never comes true.
    """
    try:
        return iter(CronSim(expression, start))
    except CronSimError as error:
        raise ConfigurationError(
            f"the schedule {expression!r} is no cron expression ({error}); '0 2 * * *' is 02:00 daily"
        ) from None


class Trainer:
    """Refits all streams, each on the newest ``history`` of its readings."""

    def __init__(self, database: Database, *, history: timedelta, seed: int = 0) -> None:
        self._database = database
        self._history_us = int(history.total_seconds()) * MICROSECONDS
        self._options = TrainingOptions(seed=seed)

    def run(
        self, expression: str, stop: Callable[[], bool], clock: Callable[[], datetime] | None = None
    ) -> None:
        """At every time of the schedule, until ``stop``."""
        now = clock or (lambda: datetime.now(UTC))
        times = schedule(expression, now())
        due = next(times)
        _log.info("next refit at %s", due.isoformat())
        while not stop():
            if now() < due:
                time.sleep(_TICK_S)
                continue
            self._refit_when_due(stop)
            while due <= now():  # times that went by during the refit are not made up for
                due = next(times)
            _log.info("next refit at %s", due.isoformat())

    def refit_all(self, stop: Callable[[], bool] = lambda: False) -> list[str]:
        """One refit of each stream; returns the topics of those that failed.

        :raises TfstreamError: when the streams cannot even be listed.
        """
        with self._database.begin() as connection:
            found = streams.list_all(connection)
        return [stream.definition.topic for stream in found if not stop() and not self._refit(stream)]

    def _refit_when_due(self, stop: Callable[[], bool]) -> None:
        try:
            self.refit_all(stop)
        except TfstreamError as error:
            _log.error("no stream can be refitted: %s", error)

    def _refit(self, stream: StreamRecord) -> bool:
        topic = stream.definition.topic
        started = time.monotonic()
        try:
            result = train(self._database, stream, self._span(stream), lambda stage, done: None)
        except TfstreamError as error:
            _log.error("%s was not refitted, its champion stays: %s", topic, error)
            return False
        except Exception:
            _log.exception("%s was not refitted, its champion stays; this is a defect", topic)
            return False
        if result.promoted:
            _log.info(
                "%s: version %d in charge after %.0f s", topic, result.version, time.monotonic() - started
            )
        else:
            _log.warning(
                "%s: version %d %s, the champion stays: %s",
                topic,
                result.version,
                result.outcome,
                result.reason,
            )
        return True

    def _span(self, stream: StreamRecord) -> TrainingOptions:
        """The newest history by event time: a stream may be behind the wall clock."""
        with self._database.begin() as connection:
            span = readings.span(connection, stream.id)
        if span is None:
            return self._options
        return replace(self._options, since_us=span[1] - self._history_us)
