"""``tfstream trainer``: refits every stream when it is due, and makes up for what was missed.

What is due follows from the stored runs alone: after downtime each stream is refitted once, and of several
trainers the one that comes first does it. One stream's failure is told and does not keep the others from
being refitted; the champion of a stream whose refit fails stays in charge.
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
_LOOK_AGAIN = timedelta(seconds=30)  # at the streams: one may have been added, or its schedule changed
_TRIES = 2  # of a refit that is interrupted, before it waits for its next time

Stop = Callable[[], bool]
Clock = Callable[[], datetime]


@dataclass(frozen=True, kw_only=True, slots=True)
class RefitPlan:
    """When streams are refitted and on what, where their own definitions do not say; all of them, or some."""

    schedule: Schedule = field(default_factory=Schedule)
    history: timedelta = timedelta(days=14)
    options: TrainingOptions = field(default_factory=TrainingOptions)
    topics: frozenset[str] = frozenset()

    def schedule_of(self, definition: StreamDefinition) -> Schedule:
        """:raises ConfigurationError: when the stream's own cannot be read."""
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
        self._told: dict[str, datetime] = {}  # when each stream was last said to be due

    def run(self, stop: Stop) -> None:
        """Each stream at every time of its schedule, until ``stop``."""
        while not stop():
            self._refit_due(stop)
            again = min([self._clock() + _LOOK_AGAIN, *self._told.values()])
            while self._clock() < again and not stop():
                time.sleep(_TICK_S)

    def refit_all(self, stop: Stop = lambda: False) -> dict[str, TrainingResult | str]:
        """One refit of each stream: what it gave, or why it was not refitted; by topic.

        :raises TfstreamError: when the streams cannot even be listed.
        """
        return {
            topic: self._refit(one, stop) if isinstance(one, StreamRecord) else _told(topic, one)
            for topic, one in self._streams().items()
            if not stop()
        }

    def due(self) -> dict[str, datetime]:
        """When each stream is to be refitted next; a time that has gone by is now."""
        return {stream.definition.topic: due for stream, due in self._times()}

    def _times(self) -> Iterator[tuple[StreamRecord, datetime]]:
        with self._database.begin() as connection:
            ended = training_runs.latest_starts(connection)
            left = training_runs.interruptions(connection, ended)
            created = streams.creation_times(connection)
        for topic, stream in self._streams().items():
            if isinstance(stream, ConfigurationError):
                _told(topic, stream)
                continue
            if stream.id not in created:  # defined since: it is looked at the next time
                continue
            since = max([created[stream.id], *_counted(ended.get(stream.id), left.get(stream.id, ()))])
            try:
                schedule = self._plan.schedule_of(stream.definition)
            except ConfigurationError as error:
                _log.error("%s is never refitted: %s", topic, error)
                continue
            yield stream, schedule.next_after(since, topic)

    def _streams(self) -> dict[str, StreamRecord | ConfigurationError]:
        """The plan's streams by topic; for one that cannot be read, the error: it keeps no other.

        :raises ConfigurationError: when a topic of the plan is none that is defined.
        """
        with self._database.begin() as connection:
            found = streams.by_topic(connection)
            for topic in self._plan.topics.difference(found):
                streams.get(connection, topic)
        return {topic: one for topic, one in found.items() if topic in (self._plan.topics or found)}

    def _refit_due(self, stop: Stop) -> None:
        try:
            tried: set[int] = set()
            while not stop() and (stream := self._next_due(tried)):
                tried.add(stream.id)
                self._refit(stream, stop)
            self._tell(self.due())
        except TfstreamError as error:
            _log.error("no stream can be refitted: %s", error)
            self._told.clear()

    def _next_due(self, tried: Container[int]) -> StreamRecord | None:
        """Looked up anew before each: another trainer may have refitted it meanwhile."""
        now = self._clock()
        return next((one for one, due in self._times() if due <= now and one.id not in tried), None)

    def _tell(self, times: dict[str, datetime]) -> None:
        for topic, due in times.items():
            if due > self._clock() and self._told.get(topic) != due:
                _log.info("%s: next refit at %s", topic, due.isoformat(timespec="seconds"))
        self._told = {topic: due for topic, due in times.items() if due > self._clock()}

    def _refit(self, stream: StreamRecord, stop: Stop) -> TrainingResult | str:
        """What it gave, or why there is none; the log says it, too."""
        topic = stream.definition.topic
        started = time.monotonic()
        try:
            result = train(self._database, stream, self._span(stream), _interruptible(stop))
        except RefitInProgress as busy:
            _log.info("%s", busy)
            return str(busy)
        except TfstreamError as error:
            _log.error("%s was not refitted, its champion stays: %s", topic, error)
            return str(error)
        except Exception as error:
            _log.exception("%s was not refitted, its champion stays; this is a defect", topic)
            return f"{type(error).__name__}: {error}"
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
        for note in result.notes:
            _log.warning("%s: %s", topic, note)
        return result

    def _span(self, stream: StreamRecord) -> TrainingOptions:
        """The newest history by event time: a stream may be behind the wall clock."""
        with self._database.begin() as connection:
            span = readings.span(connection, stream.id)
        if span is None:
            return self._plan.options
        return replace(self._plan.options, since_us=span[1] - self._plan.history_us(stream.definition))


def _told(topic: str, error: ConfigurationError) -> str:
    """Why a stream is not refitted; the log says it, too."""
    _log.error("%s is not refitted: %s", topic, error)
    return str(error)


def _counted(ended: datetime | None, interrupted: Iterable[datetime]) -> list[datetime]:
    """The refits that a stream need not make up for: one that was interrupted is tried once more."""
    return [*([] if ended is None else [ended]), *list(interrupted)[_TRIES - 1 :]]


def _interruptible(stop: Stop) -> Callable[[str, float], None]:
    """A report that ends the refit once the process is to end: the champion stays, the next start repeats."""

    def report(stage: str, done: float) -> None:
        if stop():
            raise RefitInterrupted("the trainer was told to end")

    return report
