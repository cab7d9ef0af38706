"""The records of the state topic, present and older ones."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tfstream.core.alarms.baseline import Baseline
from tfstream.core.alarms.episode import Episode
from tfstream.core.messages.anomaly_event import EventKind
from tfstream.core.messages.witness import Witness
from tfstream.core.state import AssetMemory, AssetState, decode_asset, encode
from tfstream.core.windowing.asset_track import TrackState

TRACK = TrackState(max_time_us=10, heard_us=10, next_index=8, started=True, late=0, anchor=None)
NEW_FIELDS = ("written_threshold", "witness", "witnesses", "scale_s", "reason")


@pytest.fixture
def state() -> AssetState:
    """An asset with an open episode that two witnesses have raised."""
    episode = Episode(
        kind=EventKind.PROCESS,
        started_us=0,
        last_us=10,
        peak_us=10,
        score=7.0,
        written_score=6.0,
        threshold=5.0,
        expected_per_week=0.1,
        extrapolated=False,
        sensors=(),
        sequence=2,
        first_offset=1,
        last_offset=9,
        written_threshold=4.0,
        witness=Witness.LEVELS,
        witnesses=(Witness.SCORE, Witness.LEVELS),
        scale_s=480.0,
        reason="the level of s0 is 4 too high",
    )
    baseline = Baseline(center=0.0, spread=1.0, usual=1.0)
    return AssetState(
        track=TRACK, silent=False, memory=AssetMemory(model_version=1, baseline=baseline, episode=episode)
    )


def test_a_state_is_read_as_it_was_written(state: AssetState) -> None:
    assert decode_asset(encode(state)) == state


def test_a_state_of_an_older_version_is_read(state: AssetState) -> None:
    """Only the score could raise an alarm then; the last event has the threshold of the episode."""
    old: dict[str, Any] = msgspec.json.decode(encode(state))
    for name in NEW_FIELDS:
        del old["memory"]["episode"][name]
    memory = decode_asset(msgspec.json.encode(old)).memory
    assert memory is not None
    assert memory.episode is not None
    assert (memory.episode.witness, memory.episode.witnesses) == (Witness.SCORE, (Witness.SCORE,))
    assert (memory.episode.scale_s, memory.episode.reason) == (None, None)
    assert memory.episode.written_severity == 6.0 / 5.0
