"""Builds the parts of a command that runs: database, stream, recorder, scorer, sink."""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass, field

from tfstream.app.detection import champion as champions
from tfstream.app.ingest.recorder import Recorder
from tfstream.app.ingest.sink import Sink, background_sink
from tfstream.app.runtime.background import Stop, run_beside
from tfstream.app.runtime.metrics import MetricBoard
from tfstream.app.runtime.scoring_status import ScoringStatus
from tfstream.app.scoring.champion_watcher import OFTEN_S, SELDOM_S, ChampionWatcher
from tfstream.app.scoring.monitor import ScorerMonitor
from tfstream.app.scoring.scorer import Scorer
from tfstream.app.scoring.scorer_options import ScorerOptions
from tfstream.app.scoring.scorer_progress import Progress
from tfstream.config import Settings
from tfstream.core.messages.dead_letter_limit import DeadLetterLimit
from tfstream.errors import BadData
from tfstream.storage import migrate, readings, streams
from tfstream.storage.database import Database
from tfstream.storage.streams import StreamRecord
from tfstream.streaming.connection.cluster import broker_count
from tfstream.streaming.topics import ensure_output_topics, require_topic

_log = logging.getLogger("tfstream")


def open_database(settings: Settings) -> Database:
    """The configured database, after a check that it answers and has the current schema.

    :raises ConfigurationError: when no database is configured, or its schema is not the current one.
    :raises ServiceUnavailable: when the database does not answer.
    """
    database = Database(settings.require_database())
    migrate.require_current(database)
    return database


def find_stream(database: Database, topic: str) -> StreamRecord:
    """:raises ConfigurationError: when the stream is not defined."""
    with database.begin() as connection:
        return streams.get(connection, topic)


def stored_span(database: Database, stream: StreamRecord) -> tuple[int, int]:
    """The times of a stream's first and last stored reading, in microseconds since 1970.

    :raises BadData: when the stream has no stored readings.
    """
    with database.begin() as connection:
        span = readings.span(connection, stream.id)
    if span is None:
        raise BadData(
            f"stream {stream.definition.topic} has no readings; "
            f"fill it with `tfstream record` or `tfstream load`"
        )
    return span[0], span[1]


def record(settings: Settings, topic: str, stop: Stop, *, until_end: bool, board: MetricBoard) -> Recorder:
    """Record a topic until ``stop``, or until its present end; returns the recorder with its counts."""
    properties = settings.require_kafka()
    database = open_database(settings)
    stream = find_stream(database, topic)
    broker_count(properties)  # raises when no broker answers
    require_topic(properties, topic)
    recorder = Recorder(properties, database, stream, board)
    recorder.run(stop, until_end=until_end)
    return recorder


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreRequest:
    """What ``tfstream score`` has to do, from its options."""

    topic: str
    slot: str | None = None  # stable name of this process for Kafka, different for each process
    static: bool = False
    group: str | None = None
    commit_interval_s: float = 1.0
    start: str = "earliest"
    until_end: bool = False
    write_scores: bool = True
    with_sink: bool = True
    dead_letter_limit: DeadLetterLimit = field(default_factory=DeadLetterLimit)


def score(settings: Settings, request: ScoreRequest, stop: Stop, board: MetricBoard) -> Progress:
    """Score a topic until ``stop`` or its present end, with the sink in a thread beside it.

    It waits for a champion first; without ``until_end`` it waits until ``stop``.

    :raises ConfigurationError: when a setting, the stream or, with ``until_end``, the champion is missing.
    :raises ServiceUnavailable: when Kafka does not answer, or with ``until_end`` PostgreSQL.
    """
    status = ScoringStatus(request.topic, board)
    properties = settings.require_kafka()
    database = open_database(settings)
    stream = find_stream(database, request.topic)
    broker_count(properties)
    ensure_output_topics(properties, request.topic)
    champion = champions.wait(database, stream, stop, keep_waiting=not request.until_end, status=status)
    if champion is None:
        return Progress()
    watcher = ChampionWatcher(database, stream, board, query_every_s=_watch_interval_s(request))
    monitor = ScorerMonitor(stream.definition, board, status)
    scorer = Scorer(properties, stream.definition, champion, _options(request), watcher, monitor)
    _log.info("scoring %s with model version %d", request.topic, champion.version)
    if request.with_sink:
        sink = Sink(properties, database, stream, board)
        with run_beside(background_sink(sink, drain=request.until_end)) as background:
            scorer.run(lambda: stop() or background.failed)
    else:
        scorer.run(stop)
    return scorer.progress


def _options(request: ScoreRequest) -> ScorerOptions:
    slot = request.slot or socket.gethostname()
    return ScorerOptions(
        group=request.group or f"tfstream.score.{request.topic}",
        transactional_id=f"tfstream.{request.topic}.{slot}",
        instance=slot if request.static else None,
        commit_interval_s=request.commit_interval_s,
        start=request.start,
        until_end=request.until_end,
        write_scores=request.write_scores,
        dead_letter_limit=request.dead_letter_limit,
    )


def _watch_interval_s(request: ScoreRequest) -> float:
    """Seconds between two checks for a new champion: it scores from the second commit after the change on."""
    return max(OFTEN_S, min(SELDOM_S, request.commit_interval_s))


def sink(settings: Settings, topic: str, stop: Stop, *, until_end: bool, board: MetricBoard) -> None:
    """Run the sink alone until ``stop`` or the present end of its topics, for scorers without a sink."""
    properties = settings.require_kafka()
    database = open_database(settings)
    stream = find_stream(database, topic)
    ensure_output_topics(properties, topic)
    Sink(properties, database, stream, board).run(stop, until_end=lambda: until_end)
