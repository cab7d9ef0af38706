"""``tfstream trainer``: refits every stream on its schedule, and makes up for a missed refit.

Which streams are due follows from the stored runs alone: after downtime each stream is refitted once, and of
several trainers the first to start does the refit. The failure of a stream is logged, and the other streams
are refitted all the same; the champion of a stream whose refit fails stays.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from tfstream.app.training.schedule import Schedule
from tfstream.app.training.train import RefitInterrupted, TrainingResult, train
from tfstream.app.training.training_options import TrainingOptions
from tfstream.core.stream import MICROSECONDS, StreamDefinition
from tfstream.errors import ConfigurationError, TfstreamError
from tfstream.storage import readings, streams, training_runs
from tfstream.storage.database import Database
from tfstream.storage.streams import StreamRecord
from tfstream.storage.training_lock import RefitInProgress

_log = logging.getLogger("tfstream.trainer")
_TICK_S = 0.5
_RELOAD_STREAMS = timedelta(seconds=30)  # a stream may have been added, or its schedule changed
_TRIES = 2  # an interrupted refit is tried again once, then waits for its next scheduled time

Stop = Callable[[], bool]
Clock = Callable[[], datetime]


@dataclass(frozen=True, kw_only=True, slots=True)
class RefitPlan:
    """When streams are refitted and on which history, unless their definitions say otherwise.

    ``topics`` are the streams to refit; empty: all streams.
    """

    schedule: Schedule = field(default_factory=Schedule)
    history: timedelta = timedelta(days=14)
    options: TrainingOptions = field(default_factory=TrainingOptions)
    topics: frozenset[str] = frozenset()

    def schedule_of(self, definition: StreamDefinition) -> Schedule:
        """The schedule of a stream.

        :raises ConfigurationError: when the schedule in its definition cannot be read.
        """
        expression = definition.schedule or self.schedule.expression
        zone = definition.time_zone or self.schedule.time_zone
        return replace(self.schedule, expression=expression, time_zone=zone)

    def history_us(self, definition: StreamDefinition) -> int:
        return definition.history_us or int(self.history.total_seconds()) * MICROSECONDS


def _now() -> datetime:
    return datetime.now(UTC)


class Trainer:
    """Refits the streams of a plan."""

    def __init__(self, database: Database, plan: RefitPlan, clock: Clock = _now) -> None:
        self._database = database
        self._plan = plan
        self._clock = clock
        self._announced: dict[str, datetime] = {}  # the next refit of each stream, as logged

    def run(self, stop: Stop) -> None:
        """Refit each stream at every time of its schedule, until ``stop``."""
        while not stop():
            self._refit_due(stop)
            wake_at = min([self._clock() + _RELOAD_STREAMS, *self._announced.values()])
            while self._clock() < wake_at and not stop():
                time.sleep(_TICK_S)

    def refit_all(self, stop: Stop = lambda: False) -> dict[str, TrainingResult | str]:
        """Refit each stream once; returns the result, or why the stream was not refitted, by topic.

        :raises TfstreamError: when the streams cannot be listed.
        """
        return {
            topic: self._refit(stream, stop)
            if isinstance(stream, StreamRecord)
            else _log_unreadable(topic, stream)
            for topic, stream in self._streams().items()
            if not stop()
        }

    def due(self) -> dict[str, datetime]:
        """When each stream is refitted next, by topic; a time in the past means now."""
        return {stream.definition.topic: due for stream, due in self._due_times()}

    def _due_times(self) -> Iterator[tuple[StreamRecord, datetime]]:
        with self._database.begin() as connection:
            latest = training_runs.latest_starts(connection)
            interrupted = training_runs.interruptions(connection, latest)
            created = streams.creation_times(connection)
        for topic, stream in self._streams().items():
            if isinstance(stream, ConfigurationError):
                _log_unreadable(topic, stream)
                continue
            if stream.id not in created:  # defined after the queries above: handled in the next round
                continue
            runs = _finished_starts(latest.get(stream.id), interrupted.get(stream.id, ()))
            since = max([created[stream.id], *runs])
            try:
                schedule = self._plan.schedule_of(stream.definition)
            except ConfigurationError as error:
                _log.error("%s is never refitted: %s", topic, error)
                continue
            yield stream, schedule.next_after(since, topic)

    def _streams(self) -> dict[str, StreamRecord | ConfigurationError]:
        """The plan's streams by topic; for a definition that cannot be read, the error in its place.

        :raises ConfigurationError: when a topic of the plan is not defined.
        """
        with self._database.begin() as connection:
            defined = streams.by_topic(connection)
            for topic in self._plan.topics.difference(defined):
                streams.get(connection, topic)  # raises: it is not defined
        return {topic: stream for topic, stream in defined.items() if topic in (self._plan.topics or defined)}

    def _refit_due(self, stop: Stop) -> None:
        try:
            tried: set[int] = set()
            while not stop() and (stream := self._next_due(tried)):
                tried.add(stream.id)
                self._refit(stream, stop)
            self._log_next_refits(self.due())
        except TfstreamError as error:
            _log.error("no stream can be refitted: %s", error)
            self._announced.clear()

    def _next_due(self, tried: Container[int]) -> StreamRecord | None:
        """The next stream to refit; read from the database each time, since other trainers refit too."""
        now = self._clock()
        return next(
            (stream for stream, due in self._due_times() if due <= now and stream.id not in tried), None
        )

    def _log_next_refits(self, times: dict[str, datetime]) -> None:
        for topic, due in times.items():
            if due > self._clock() and self._announced.get(topic) != due:
                _log.info("%s: next refit at %s", topic, due.isoformat(timespec="seconds"))
        self._announced = {topic: due for topic, due in times.items() if due > self._clock()}

    def _refit(self, stream: StreamRecord, stop: Stop) -> TrainingResult | str:
        """Refit a stream and log the outcome; returns the result, or why there is none."""
        topic = stream.definition.topic
        started = time.monotonic()
        try:
            result = train(self._database, stream, self._options(stream), _interrupted_by(stop))
        except RefitInProgress as busy:
            _log.info("%s", busy)
            return str(busy)
        except TfstreamError as error:
            _log.error("%s was not refitted, and its champion, if it has one, stays: %s", topic, error)
            return str(error)
        except Exception as error:
            _log.exception(
                "%s was not refitted, and its champion, if it has one, stays; this is a defect", topic
            )
            return f"{type(error).__name__}: {error}"
        _log_result(topic, result, time.monotonic() - started)
        return result

    def _options(self, stream: StreamRecord) -> TrainingOptions:
        """The plan's options for the newest history by event time: a stream may be behind the wall clock."""
        with self._database.begin() as connection:
            span = readings.span(connection, stream.id)
        if span is None:
            return self._plan.options
        return replace(self._plan.options, since_us=span[1] - self._plan.history_us(stream.definition))


def _log_result(topic: str, result: TrainingResult, seconds: float) -> None:
    if result.promoted:
        _log.info("%s: version %d is the champion after a refit of %.0f s", topic, result.version, seconds)
    else:
        text = "%s: version %d is %s and does not become the champion: %s"
        _log.warning(text, topic, result.version, result.outcome, result.reason or "it was not tested")
    for note in result.notes:
        _log.warning("%s: %s", topic, note)


def _log_unreadable(topic: str, error: ConfigurationError) -> str:
    """Log why a stream is not refitted; returns the text."""
    _log.error("%s is not refitted: %s", topic, error)
    return str(error)


def _finished_starts(latest: datetime | None, interrupted: Iterable[datetime]) -> list[datetime]:
    """The starts of refits that need no repetition: an interrupted refit is tried once more, then counts."""
    return [*([] if latest is None else [latest]), *list(interrupted)[_TRIES - 1 :]]


def _interrupted_by(stop: Stop) -> Callable[[str, float], None]:
    """A progress report that ends the refit at ``stop``: the champion stays, the next start repeats it."""

    def report(stage: str, done: float) -> None:
        if stop():
            raise RefitInterrupted("the trainer is shutting down")

    return report
