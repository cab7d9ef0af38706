"""The times and the ids in the messages that tfstream writes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tfstream.core.messages.anomaly_event import (
    AnomalyEvent,
    EventKind,
    EventType,
    ModelReference,
    ScoreRecord,
    SourceSpan,
    anomaly_id,
    from_iso,
    iso,
)
from tfstream.core.messages.witness import Witness

NOON_US = 1_767_614_400_000_000
EVENT = AnomalyEvent(
    event=EventType.UPDATED,
    anomaly_id="0f6a0000-0000-5000-8000-000000000000",
    sequence=2,
    topic="t",
    asset="a",
    started_at=iso(NOON_US),
    ended_at=None,
    peak_at=iso(NOON_US),
    score=7.0,
    threshold=5.0,
    expected_per_week=0.02,
    extrapolated=False,
    kind=EventKind.INSTRUMENT,
    sensors=(),
    model=ModelReference(version=1, sha256="ab"),
    source=SourceSpan(partition=0, first_offset=1, last_offset=9),
    witness=Witness.INSTRUMENT,
    witnesses=(Witness.LEVELS, Witness.INSTRUMENT),
    scale_s=480.0,
    reason="stuck at 2.725 for 20 min, longest before 3 min",
)
SILENCE = msgspec.structs.replace(EVENT, kind=EventKind.SILENCE, witness=None, witnesses=())
SCORE = ScoreRecord(
    topic="t",
    asset="a",
    ts=iso(NOON_US),
    score=1.0,
    threshold=2.0,
    model_version=1,
    witness=Witness.LEVELS,
    expected_per_week=0.5,
)


def test_iso_round_trip() -> None:
    assert iso(NOON_US) == "2026-01-05T12:00:00Z"
    assert from_iso(iso(NOON_US + 1)) == NOON_US + 1


def test_an_anomaly_has_one_id() -> None:
    process = anomaly_id("t", "a", EventKind.PROCESS, 1)
    assert process == anomaly_id("t", "a", EventKind.INSTRUMENT, 1)  # the kind may change while it grows
    assert process != anomaly_id("t", "a", EventKind.SILENCE, 1)
    assert process != anomaly_id("t", "b", EventKind.PROCESS, 1)


@pytest.mark.parametrize("text", ["2026-01-05T12:00:00", "noon", ""])
def test_a_foreign_score_record_with_a_time_that_names_no_moment_is_invalid(text: str) -> None:
    """The sink skips what raises ValueError; any other error would end it."""
    record = ScoreRecord(topic="t", asset="a", ts=text, score=1.0, threshold=2.0, model_version=1)
    with pytest.raises(ValueError, match=r"zone|isoformat"):
        record.check()


@pytest.mark.parametrize("message", [EVENT, SILENCE, SCORE])
def test_a_message_is_read_as_it_was_written(message: AnomalyEvent | ScoreRecord) -> None:
    assert msgspec.json.decode(msgspec.json.encode(message), type=type(message)) == message


def test_messages_of_an_older_version_are_read() -> None:
    """Only the score could raise an alarm then, and score records did not say how rare a score is."""
    old = without(EVENT, "witness", "witnesses", "scale_s", "reason")
    event = msgspec.json.decode(old, type=AnomalyEvent)
    assert (event.witness, event.witnesses) == (Witness.SCORE, (Witness.SCORE,))
    assert (event.scale_s, event.reason) == (None, None)
    score = msgspec.json.decode(without(SCORE, "witness", "expected_per_week"), type=ScoreRecord)
    assert (score.witness, score.expected_per_week) == (Witness.SCORE, None)


def without(message: AnomalyEvent | ScoreRecord, *names: str) -> bytes:
    """The message as JSON, without some of its fields."""
    fields: dict[str, Any] = msgspec.to_builtins(message)
    return msgspec.json.encode({name: value for name, value in fields.items() if name not in names})
