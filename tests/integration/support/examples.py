"""Example streams, readings, scores and events, for tests that need rows in the database."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection

from tfstream.core.learning.exclusion import Exclusion
from tfstream.core.learning.verdict import Verdict
from tfstream.core.messages.anomaly_event import (
    AnomalyEvent,
    BandShift,
    EventKind,
    EventType,
    ModelReference,
    ScoreRecord,
    SensorShare,
    SourceSpan,
    iso,
)
from tfstream.core.reading import Times, Values
from tfstream.core.spans import Span
from tfstream.core.stream import StreamDefinition
from tfstream.storage import (
    anomalies,
    exclusions,
    models,
    progress,
    readings,
    scores,
    streams,
    training_runs,
    verdicts,
)

MONDAY_US = 1_767_571_200_000_000  # 2026-01-05 00:00 UTC
MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
TOPIC = "plant.sensors"
SENSORS = ("level", "flow", "pressure")


def definition(topic: str = TOPIC, sensors: Sequence[str] = SENSORS, **fields: Any) -> StreamDefinition:
    return StreamDefinition(topic=topic, sensors=tuple(sensors), interval_us=MINUTE_US, **fields)


def add_stream(connection: Connection, topic: str = TOPIC, **fields: Any) -> int:
    """Store a stream of three sensors, one row per minute; returns its id."""
    return streams.add(connection, definition(topic, **fields)).id


def times(*minutes: int) -> Times:
    """Times in microseconds, this number of minutes after Monday, 2026-01-05 00:00 UTC."""
    return MONDAY_US + np.array(minutes, dtype=np.int64) * MINUTE_US


def cells(*rows: Sequence[float]) -> Values:
    return np.array(rows, dtype=np.float32)


def event(number: int = 1, **changed: Any) -> AnomalyEvent:
    """The first event of an episode of line-1 on Monday morning; ``number`` makes its id."""
    fields: dict[str, Any] = {
        "event": EventType.OPENED,
        "anomaly_id": str(uuid.UUID(int=number)),
        "sequence": 1,
        "topic": TOPIC,
        "asset": "line-1",
        "started_at": iso(MONDAY_US + 8 * HOUR_US),
        "ended_at": None,
        "peak_at": iso(MONDAY_US + 8 * HOUR_US + 8 * MINUTE_US),
        "score": 6.0,
        "threshold": 4.0,
        "expected_per_week": 0.02,
        "extrapolated": False,
        "kind": EventKind.PROCESS,
        "sensors": (share("flow", 0.7), share("level", 0.3)),
        "model": ModelReference(version=3, sha256="ab" * 32),
        "source": SourceSpan(partition=2, first_offset=10, last_offset=90),
    }
    return AnomalyEvent(**(fields | changed))


def share(name: str, part: float) -> SensorShare:
    band = BandShift(shortest_s=120.0, longest_s=240.0, actual=0.75, expected=0.25)
    return SensorShare(name=name, share=part, actual=1.5, expected=2.5, evidence=20.0, band=band)


def score(time_us: int, **changed: Any) -> ScoreRecord:
    fields: dict[str, Any] = {
        "topic": TOPIC,
        "asset": "line-1",
        "ts": iso(time_us),
        "score": 1.0,
        "threshold": 4.0,
        "model_version": 3,
    }
    return ScoreRecord(**(fields | changed))


def save_model(connection: Connection, stream_id: int, bundle: bytes = b"weights") -> int:
    return models.save(
        connection,
        stream_id,
        bundle,
        metrics={"loss": 0.5},
        trained_from_us=MONDAY_US,
        trained_until_us=MONDAY_US + DAY_US,
        rows=1440,
        seed=7,
    )


def fill_tables(connection: Connection) -> None:
    """Store a row in every table that the program writes."""
    stream_id = add_stream(connection)
    readings.write(connection, stream_id, ["line-1"], times(0), cells([1, 2, 3]))
    scores.write(connection, stream_id, [score(MONDAY_US)])
    scores.count_days(connection)
    anomalies.apply(connection, stream_id, [event()])
    models.promote(connection, stream_id, save_model(connection, stream_id))
    progress.advance(connection, "record", TOPIC, 0, None, 1)
    training_runs.start(connection, stream_id, trained_from_us=MONDAY_US, trained_until_us=None)
    span = Exclusion(first=Span(MONDAY_US, MONDAY_US + HOUR_US))
    exclusions.add(connection, stream_id, span, reason="valve", by="anna", now_us=MONDAY_US)
    verdicts.give(connection, [uuid.UUID(int=1)], Verdict.CONFIRMED, note=None, from_us=None, by="anna")
