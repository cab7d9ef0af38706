"""The times and the ids in the messages that tfstream writes."""

from __future__ import annotations

import pytest

from tfstream.core.messages.anomaly_event import EventKind, ScoreRecord, anomaly_id, from_iso, iso

NOON_US = 1_767_614_400_000_000


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
