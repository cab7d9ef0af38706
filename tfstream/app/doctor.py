"""``tfstream check``: every service and every part of a stream, in the order in which they depend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import Connection, text

from tfstream.app import champion as champions
from tfstream.config import Settings
from tfstream.errors import TfstreamError
from tfstream.storage import migrate, models, progress, streams
from tfstream.storage.database import Database
from tfstream.storage.streams import StreamRecord
from tfstream.streaming import topics
from tfstream.streaming.client import describe_cluster
from tfstream.streaming.lag import group_lag, topic_ends

State = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One check; ``exit_code`` is what the command ends with when this is the first that failed."""

    name: str
    state: State
    detail: str
    remedy: str | None = None
    exit_code: int = 0


@dataclass(slots=True)
class _Patient:
    """What earlier checks have found out for later ones."""

    settings: Settings
    topic: str
    database: Database | None = None
    kafka: bool = False
    stream: StreamRecord | None = None
    findings: list[Finding] = field(default_factory=list)


class _Skip(Exception):
    """A check that cannot be made because an earlier one failed."""


class _Doubt(Exception):
    """Something to look at that keeps nothing from working; arguments: detail, remedy."""


def examine(settings: Settings, topic: str | None) -> list[Finding]:
    """All checks of the services and, for one topic or every defined stream, of the stream."""
    patient = _Patient(settings, topic or "")
    for name, check in _SERVICE_CHECKS:
        _run(patient, name, check)
    for each in [topic] if topic else _all_topics(patient):
        patient.topic, patient.stream = each, None
        for name, check in _STREAM_CHECKS:
            _run(patient, f"{each}: {name}", check)
    return patient.findings


def _run(patient: _Patient, name: str, check: Callable[[_Patient], str]) -> None:
    try:
        found = Finding(name=name, state="ok", detail=check(patient))
    except _Skip as skipped:
        found = Finding(name=name, state="skipped", detail=f"needs {skipped}")
    except _Doubt as doubt:
        detail, remedy = doubt.args
        found = Finding(name=name, state="warning", detail=detail, remedy=remedy)
    except TfstreamError as error:
        detail, _, remedy = str(error).partition("; ")
        found = Finding(
            name=name, state="failed", detail=detail, remedy=remedy or None, exit_code=error.exit_code
        )
    patient.findings.append(found)


def _kafka(patient: _Patient) -> str:
    properties = patient.settings.require_kafka()
    brokers = describe_cluster(properties, timeout_s=5.0)
    patient.kafka = True
    return f"{brokers} broker{'s' if brokers != 1 else ''} at {properties['bootstrap.servers']}"


def _database(patient: _Patient) -> str:
    database = Database(patient.settings.require_database())
    with database.begin() as connection:
        number = connection.execute(text("SHOW server_version")).scalar_one()
    patient.database = database
    return f"PostgreSQL {number} at {database.place}"


def _migrations(patient: _Patient) -> str:
    database, patient.database = patient.database, None
    if database is None:
        raise _Skip("the database")
    migrate.require_current(database)
    patient.database = database
    return f"schema at {migrate.head()}"


def _stream(patient: _Patient) -> str:
    with _connection(patient) as connection:
        patient.stream = streams.get(connection, patient.topic)
    definition = patient.stream.definition
    return f"{len(definition.sensors)} sensors every {definition.interval_us / 1e6:g} s"


def _topics(patient: _Patient) -> str:
    if not patient.kafka:
        raise _Skip("kafka")
    properties = patient.settings.require_kafka()
    count = topics.require_topic(properties, patient.topic)
    made = topics.partition_count(properties, topics.state_topic(patient.topic))
    if made is None:
        raise _Doubt("nothing has been scored yet: the output topics do not exist", "run `tfstream score`")
    if made != count:
        raise TfstreamError(
            f"{patient.topic} has {count} partitions and its state topic {made}; add partitions to "
            f"{topics.state_topic(patient.topic)}"
        )
    return f"{count} partitions"


def _model(patient: _Patient) -> str:
    stream = _known(patient)
    with _connection(patient) as connection:
        row = models.champion(connection, stream.id)
    if row is None:
        raise TfstreamError(f"there is no model yet; run `tfstream train --topic {patient.topic}`")
    champion = champions.load(row, stream.definition)
    if champion.detector.calibration.extrapolated(stream.definition.alarm_budget_per_week):
        weeks = champion.detector.calibration.weeks
        raise _Doubt(
            f"version {row.version}: the threshold is extrapolated from {weeks:.3g} weeks of normal data",
            "train on a longer span, or ask for a larger alarm budget",
        )
    return f"version {row.version} of {row.created_at:%Y-%m-%d %H:%M}"


def _lag(patient: _Patient) -> str:
    if not patient.kafka:
        raise _Skip("kafka")
    properties = patient.settings.require_kafka()
    lag = group_lag(properties, patient.topic, f"tfstream.score.{patient.topic}")
    if lag is None:
        raise _Doubt("no scorer has committed yet", f"run `tfstream score --topic {patient.topic}`")
    return f"the scorers are {lag} messages behind"


def _feeds(patient: _Patient) -> str:
    if not patient.kafka:
        raise _Skip("kafka")
    found = []
    for consumer, topic in (
        ("record", patient.topic),
        ("sink", topics.anomalies_topic(patient.topic)),
    ):
        ends = topic_ends(patient.settings.require_kafka(), topic)
        with _connection(patient) as connection:
            stored = progress.positions(connection, consumer, topic)
        behind = sum(end - stored.get(partition, 0) for partition, end in ends.items())
        found.append(_behind(consumer, behind) if stored else f"{consumer} has not begun")
    return ", ".join(found)


def _behind(consumer: str, offsets: int) -> str:
    """The ends of transactions have offsets, too, and stand behind the last record."""
    return f"{consumer} at most {offsets} records behind" if offsets else f"{consumer} up to date"


def _freshness(patient: _Patient) -> str:
    stream = _known(patient)
    with _connection(patient) as connection:
        row = connection.execute(
            text(
                "SELECT (SELECT max(ts) FROM reading WHERE stream_id = :id), "
                "(SELECT max(ts) FROM score WHERE stream_id = :id)"
            ),
            {"id": stream.id},
        ).one()
    return f"last reading {_ago(row[0])}, last score {_ago(row[1])}"


_Check = Callable[[_Patient], str]
_SERVICE_CHECKS: tuple[tuple[str, _Check], ...] = (
    ("kafka", _kafka),
    ("database", _database),
    ("migrations", _migrations),
)
_STREAM_CHECKS: tuple[tuple[str, _Check], ...] = (
    ("stream", _stream),
    ("topics", _topics),
    ("model", _model),
    ("scorer lag", _lag),
    ("feeds", _feeds),
    ("freshness", _freshness),
)


def _all_topics(patient: _Patient) -> Iterator[str]:
    if patient.database is None:
        return
    with patient.database.begin() as connection:
        found = streams.list_all(connection)
    yield from (stream.definition.topic for stream in found)


def _connection(patient: _Patient) -> AbstractContextManager[Connection]:
    if patient.database is None:
        raise _Skip("the database")
    return patient.database.begin()


def _known(patient: _Patient) -> StreamRecord:
    if patient.stream is None:
        raise _Skip("the stream")
    return patient.stream


def _ago(moment: datetime | None) -> str:
    if moment is None:
        return "never"
    minutes = round((datetime.now(UTC) - moment).total_seconds() / 60)
    said = (
        f"{minutes} min"
        if minutes < 120
        else f"{minutes // 60} h"
        if minutes < 2880
        else f"{minutes // 1440} d"
    )
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} ({said} ago)"
