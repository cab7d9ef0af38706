"""Anomalies in PostgreSQL: the newest event of each, and how a query selects them."""

from __future__ import annotations

import uuid
from datetime import datetime

import msgspec
import pytest
from sqlalchemy import text

from tests.integration.support import examples
from tfstream.core.messages.anomaly_event import EventKind, EventType, ModelReference, iso
from tfstream.core.messages.witness import Witness
from tfstream.errors import BadData
from tfstream.storage import anomalies
from tfstream.storage.database import Database
from tfstream.storage.datetimes import to_us

pytestmark = pytest.mark.postgres


def test_an_anomaly_has_the_state_of_its_newest_event(database: Database, stream_id: int) -> None:
    opened, updated = examples.event(), examples.event(event=EventType.UPDATED, sequence=2, score=8.0)
    tuesday = iso(examples.MONDAY_US + examples.DAY_US)
    closed = examples.event(event=EventType.CLOSED, sequence=3, score=8.0, ended_at=tuesday)
    with database.begin() as connection:
        anomalies.apply(connection, stream_id, [])
        anomalies.apply(connection, stream_id, [updated, opened])
        (first,) = anomalies.find(connection)
        assert (first.sequence, first.state, first.score, first.ended_at) == (2, "open", 8.0, None)
        connection.execute(text("UPDATE anomaly SET verdict = 'confirmed', note = 'pump 3'"))
        anomalies.apply(connection, stream_id, [opened])  # an older event, from a topic that is read again
        anomalies.apply(connection, stream_id, [closed])
        anomalies.apply(
            connection, stream_id, [examples.event(event=EventType.UPDATED, sequence=3, score=1.0)]
        )
        (anomaly,) = anomalies.find(connection)
    assert (anomaly.sequence, anomaly.state, anomaly.score) == (3, "closed", 8.0)
    assert iso_of(anomaly.ended_at) == closed.ended_at
    assert (anomaly.verdict, anomaly.note, anomaly.first_seen_at) == (
        "confirmed",
        "pump 3",
        first.first_seen_at,
    )


def test_an_anomaly_is_stored_with_all_its_fields(database: Database, stream_id: int) -> None:
    model = ModelReference(version=9, sha256="cd" * 32)
    event = examples.event(
        kind=EventKind.INSTRUMENT,
        extrapolated=True,
        model=model,
        witness=Witness.INSTRUMENT,
        witnesses=(Witness.LEVELS, Witness.INSTRUMENT),
        scale_s=480.0,
        reason="stuck at 2.725 for 20 min, longest before 3 min",
    )
    with database.begin() as connection:
        anomalies.apply(connection, stream_id, [event])
        anomaly = anomalies.get(connection, event.anomaly_id)
    assert (anomaly.topic, anomaly.asset, anomaly.kind) == (examples.TOPIC, "line-1", "instrument")
    assert (iso_of(anomaly.started_at), iso_of(anomaly.peak_at)) == (event.started_at, event.peak_at)
    assert (anomaly.score, anomaly.threshold, anomaly.expected_per_week) == (6.0, 4.0, 0.02)
    assert (anomaly.model_version, anomaly.model_sha256, anomaly.extrapolated) == (9, "cd" * 32, True)
    assert (anomaly.witness, anomaly.witnesses) == ("instrument", ["levels", "instrument"])
    assert (anomaly.scale_s, anomaly.reason) == (480.0, event.reason)
    assert anomaly.source == {"partition": 2, "first_offset": 10, "last_offset": 90}
    assert [sensor["name"] for sensor in anomaly.sensors] == ["flow", "level"]
    assert anomaly.sensors[0] == msgspec.to_builtins(examples.share("flow", 0.7))
    assert anomaly.sensors[0]["band"] == {
        "shortest_s": 120.0,
        "longest_s": 240.0,
        "actual": 0.75,
        "expected": 0.25,
    }


def test_a_silence_has_no_witness(database: Database, stream_id: int) -> None:
    """Events of older versions are read with the default witness, the score."""
    with database.begin() as connection:
        anomalies.apply(connection, stream_id, [examples.event(kind=EventKind.SILENCE)])
        (anomaly,) = anomalies.find(connection)
    assert (anomaly.witness, anomaly.witnesses) == (None, [])


def test_anomalies_are_selected_by_topic_asset_time_state_and_kind(
    database: Database, stream_id: int
) -> None:
    hours = [iso(examples.MONDAY_US + hour * examples.HOUR_US) for hour in range(4)]
    with database.begin() as connection:
        other = examples.add_stream(connection, "other.sensors")
        anomalies.apply(
            connection,
            stream_id,
            [
                examples.event(0, started_at=hours[0], event=EventType.CLOSED),
                examples.event(1, started_at=hours[1], asset="line-2"),
                examples.event(2, started_at=hours[2], kind=EventKind.SILENCE),
            ],
        )
        anomalies.apply(connection, other, [examples.event(3, started_at=hours[3])])
        since_us = examples.MONDAY_US + examples.HOUR_US
        assert [row.id.int for row in anomalies.find(connection)] == [3, 2, 1, 0]
        assert [row.id.int for row in anomalies.find(connection, topic=examples.TOPIC)] == [2, 1, 0]
        assert [row.id.int for row in anomalies.find(connection, asset="line-2")] == [1]
        assert [row.id.int for row in anomalies.find(connection, since_us=since_us)] == [3, 2, 1]
        assert [row.id.int for row in anomalies.find(connection, open_only=True)] == [3, 2, 1]
        assert [row.id.int for row in anomalies.find(connection, kind=EventKind.SILENCE)] == [2]
        assert [row.id.int for row in anomalies.find(connection, limit=2)] == [3, 2]
        assert anomalies.find(connection, topic=examples.TOPIC, asset="line-2", open_only=True, limit=1)
        assert anomalies.find(connection, topic="nowhere") == []


def test_an_anomaly_is_selected_by_the_beginning_of_its_id(database: Database, stream_id: int) -> None:
    first, second = uuid.UUID(f"abcdef00{'0' * 24}"), uuid.UUID(f"abc00000{'0' * 24}")
    with database.begin() as connection:
        anomalies.apply(connection, stream_id, [examples.event(first.int), examples.event(second.int)])
        for prefix in ("abcd", "ABCDEF00-0", str(first)):
            assert anomalies.get(connection, prefix).id == first
        for prefix, reason in {
            "abc": "several anomalies begin",
            "f": "no anomaly begins",
            "%": "is not an anomaly id",
            "": "is not an anomaly id",
            "abcdef_0": "is not an anomaly id",
            "line-1": "is not an anomaly id",
        }.items():
            with pytest.raises(BadData, match=reason):
                anomalies.get(connection, prefix)


def iso_of(moment: datetime | None) -> str | None:
    return None if moment is None else iso(to_us(moment))
