"""Puts the parts of a running command together: settings, services, stream, model, threads, signals."""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass, field

from tfstream.app.ingest.recorder import Recorder
from tfstream.app.ingest.sink import Sink, background_sink
from tfstream.app.runtime.background import Stop, run_beside
from tfstream.app.runtime.metrics import MetricBoard
from tfstream.app.scoring import champion as champions
from tfstream.app.scoring.champion_watcher import OFTEN_S, SELDOM_S, ChampionWatcher
from tfstream.app.scoring.monitor import ScorerMonitor
from tfstream.app.scoring.progress import Progress
from tfstream.app.scoring.scorer import Scorer, ScorerOptions
from tfstream.app.scoring.status import ScoringStatus
from tfstream.config import Settings
from tfstream.core.messages.dead_letter_limit import DeadLetterLimit
from tfstream.errors import BadData
from tfstream.storage import migrate, readings, streams
from tfstream.storage.database import Database
from tfstream.storage.streams import StreamRecord
from tfstream.streaming.cluster import broker_count
from tfstream.streaming.topics import ensure_output_topics, require_topic

_log = logging.getLogger("tfstream")


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreRequest:
    """What ``tfstream score`` was asked to do."""

    topic: str
    slot: str | None = (
        None  # names the process for Kafka: the same after a restart, another for every process
    )
    static: bool = False
    group: str | None = None
    commit_interval_s: float = 1.0
    start: str = "earliest"
    until_end: bool = False
    write_scores: bool = True
    with_sink: bool = True
    dead_letter_limit: DeadLetterLimit = field(default_factory=DeadLetterLimit)


def open_database(settings: Settings) -> Database:
    """The configured database, reachable and migrated.

    :raises ConfigurationError: when none is configured, or its schema is not the current one.
    :raises ServiceUnavailable: when it does not answer.
    """
    database = Database(settings.require_database())
    migrate.require_current(database)
    return database


def find_stream(database: Database, topic: str) -> StreamRecord:
    """:raises ConfigurationError: when nobody has defined the stream."""
    with database.begin() as connection:
        return streams.get(connection, topic)


def stored_span(database: Database, stream: StreamRecord) -> tuple[int, int]:
    """The moments of a stream's first and last stored reading.

    :raises BadData: when nothing is stored.
    """
    with database.begin() as connection:
        span = readings.span(connection, stream.id)
    if span is None:
        raise BadData(
            f"stream {stream.definition.topic} has no readings; "
            f"fill it with `tfstream record` or `tfstream load`"
        )
    return span[0], span[1]


def record(
    settings: Settings, topic: str, stop: Stop, *, until_end: bool = False, board: MetricBoard | None = None
) -> Recorder:
    """Record a topic until told to stop; returns the recorder with its counts."""
    properties = settings.require_kafka()
    database = open_database(settings)
    stream = find_stream(database, topic)
    broker_count(properties)
    require_topic(properties, topic)
    recorder = Recorder(properties, database, stream, board)
    recorder.run(stop, until_end=until_end)
    return recorder


def score(
    settings: Settings, request: ScoreRequest, stop: Stop, board: MetricBoard | None = None
) -> Progress:
    """Score a topic, with the sink beside it in a thread, until told to stop."""
    board = board or MetricBoard()
    not_scoring = ScoringStatus(request.topic, board)
    properties = settings.require_kafka()
    database = open_database(settings)
    stream = find_stream(database, request.topic)
    broker_count(properties)
    ensure_output_topics(properties, request.topic)
    champion = champions.wait(database, stream, stop, patient=not request.until_end, not_scoring=not_scoring)
    if champion is None:
        return Progress()
    slot = request.slot or socket.gethostname()
    options = ScorerOptions(
        group=request.group or f"tfstream.score.{request.topic}",
        transactional_id=f"tfstream.{request.topic}.{slot}",
        instance=slot if request.static else None,
        commit_interval_s=request.commit_interval_s,
        start=request.start,
        until_end=request.until_end,
        write_scores=request.write_scores,
        dead_letter_limit=request.dead_letter_limit,
    )
    successor = ChampionWatcher(database, stream, board, ask_every_s=_asked_every_s(request))
    watch = ScorerMonitor(stream.definition, board, not_scoring)
    scorer = Scorer(properties, stream.definition, champion, options, successor, watch)
    _log.info("scoring %s with model version %d", request.topic, champion.version)
    if not request.with_sink:
        scorer.run(stop)
        return scorer.progress
    filled = Sink(properties, database, stream, board)
    with run_beside(background_sink(filled, drain=request.until_end)) as sink:
        scorer.run(lambda: stop() or sink.failed)
    return scorer.progress


def _asked_every_s(request: ScoreRequest) -> float:
    """A change of the champion shows with the next commit but one, however often commits are."""
    return max(OFTEN_S, min(SELDOM_S, request.commit_interval_s))


def sink(
    settings: Settings, topic: str, stop: Stop, *, until_end: bool = False, board: MetricBoard | None = None
) -> None:
    """The sink alone, for scorers that run without one."""
    properties = settings.require_kafka()
    database = open_database(settings)
    stream = find_stream(database, topic)
    ensure_output_topics(properties, topic)
    Sink(properties, database, stream, board).run(stop, until_end=lambda: until_end)
