"""``tfstream check``: every service and every part of a stream, in the order in which they depend."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tfstream.app.checks import stream_checks
from tfstream.app.checks.check_context import (
    CheckContext,
    CheckResult,
    CheckSkipped,
    CheckWarning,
    connection,
    kafka_properties,
    run_check,
    stream_of,
)
from tfstream.app.scoring import champion as champions
from tfstream.config import Settings
from tfstream.errors import TfstreamError
from tfstream.storage import migrate, models, streams
from tfstream.storage.database import Database, server_version
from tfstream.streaming import topics
from tfstream.streaming.cluster import broker_count


def run_checks(settings: Settings, topic: str | None, group: str | None = None) -> list[CheckResult]:
    """All checks of the services and, for one topic or every defined stream, of the stream."""
    patient = CheckContext(settings, topic or "", group)
    for name, check in _SERVICE_CHECKS:
        run_check(patient, name, check)
    for each in [topic] if topic else _all_topics(patient):
        patient.topic, patient.stream = each, None
        for name, check in _STREAM_CHECKS:
            run_check(patient, f"{each}: {name}", check)
    return patient.findings


def _kafka(patient: CheckContext) -> str:
    properties = patient.settings.require_kafka()
    brokers = broker_count(properties, timeout_s=5.0)
    patient.kafka = True
    return f"{brokers} broker{'s' if brokers != 1 else ''} at {properties['bootstrap.servers']}"


def _database(patient: CheckContext) -> str:
    database = Database(patient.settings.require_database())
    with database.begin() as connection:
        number = server_version(connection)
    patient.database = database
    return f"PostgreSQL {number} at {database.address}"


def _migrations(patient: CheckContext) -> str:
    database, patient.database = patient.database, None
    if database is None:
        raise CheckSkipped("the database")
    migrate.require_current(database)
    patient.database = database
    return f"schema at {migrate.head()}"


def _stream(patient: CheckContext) -> str:
    with connection(patient) as opened:
        patient.stream = streams.get(opened, patient.topic)
    definition = patient.stream.definition
    return f"{len(definition.sensors)} sensors every {definition.interval_us / 1e6:g} s"


def _topics(patient: CheckContext) -> str:
    properties = kafka_properties(patient)
    count = topics.require_topic(properties, patient.topic)
    made = topics.partition_count(properties, topics.state_topic(patient.topic))
    if made is None:
        raise CheckWarning(
            "nothing has been scored yet: the output topics do not exist", "run `tfstream score`"
        )
    if made != count:
        raise TfstreamError(
            f"{patient.topic} has {count} partitions and its state topic {made}; add partitions to "
            f"{topics.state_topic(patient.topic)}"
        )
    return f"{count} partitions"


def _model(patient: CheckContext) -> str:
    stream = stream_of(patient)
    with connection(patient) as opened:
        row = models.champion(opened, stream.id)
    if row is None:
        raise TfstreamError(f"there is no model yet; run `tfstream train --topic {patient.topic}`")
    champion = champions.load(row, stream.definition)
    if champion.detector.calibration.extrapolated(stream.definition.alarm_budget_per_week):
        weeks = champion.detector.calibration.weeks
        raise CheckWarning(
            f"version {row.version}: the threshold is extrapolated from {weeks:.3g} weeks of normal data",
            "train on a longer span, or ask for a larger alarm budget",
        )
    return f"version {row.version} of {row.created_at:%Y-%m-%d %H:%M}"


_Check = Callable[[CheckContext], str]
_SERVICE_CHECKS: tuple[tuple[str, _Check], ...] = (
    ("kafka", _kafka),
    ("database", _database),
    ("migrations", _migrations),
)
_STREAM_CHECKS: tuple[tuple[str, _Check], ...] = (
    ("stream", _stream),
    ("topics", _topics),
    ("model", _model),
    ("scorers", stream_checks.scorers),
    ("scorer lag", stream_checks.lag),
    ("dead-letter limit", stream_checks.dead_letter_limit),
    ("dead letters", stream_checks.dead_letters),
    ("feeds", stream_checks.feeds),
    ("freshness", stream_checks.freshness),
)


def _all_topics(patient: CheckContext) -> Iterator[str]:
    if patient.database is None:
        return
    with patient.database.begin() as connection:
        found = streams.topics(connection)
    yield from found
