"""For how long a state is waited for, and what it takes for a topic's id: without a broker."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import cast

import pytest

from tfstream.app.scoring import state_wait
from tfstream.app.scoring.assigned_partition import AssignedPartition
from tfstream.app.scoring.restore import PartitionRestorer
from tfstream.app.scoring.state_wait import StateBehind, StateWait
from tfstream.core.messages.dead_letter_limit import DeadLetterLimit
from tfstream.core.state import PartitionHead, RewindMetadata, encode
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.window import WindowShape
from tfstream.streaming.records import Position
from tfstream.streaming.source import Source

DEFINITION = StreamDefinition(topic="t", sensors=("a", "b"), interval_us=1_000_000)
OURS = Position(0, 10, encode(RewindMetadata(rw=3, m=1)).decode())
BEHIND = PartitionHead(offset=5, clock_us=0, model_version=1)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    clock = [100.0]
    monkeypatch.setattr(state_wait, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    return clock


def looks_every_second(wait: StateWait, now: list[float], seconds: int) -> None:
    for _ in range(seconds):
        assert wait.is_behind(0, OURS, BEHIND)
        now[0] += 1.0


def test_a_state_that_stays_behind_is_waited_for_only_so_long(now: list[float]) -> None:
    wait = StateWait("t")
    looks_every_second(wait, now, 40)
    with pytest.raises(StateBehind):
        wait.is_behind(0, OURS, BEHIND)


def test_a_partition_that_comes_back_is_waited_for_anew(now: list[float]) -> None:
    """An hour at another scorer is no hour in which its state did not come."""
    wait = StateWait("t")
    looks_every_second(wait, now, 40)
    wait.forget([0])
    now[0] += 3600
    looks_every_second(wait, now, 40)


def test_an_outage_is_no_time_in_which_a_state_did_not_come(now: list[float]) -> None:
    """Nobody could look for it."""
    wait = StateWait("t")
    looks_every_second(wait, now, 2)
    now[0] += 3600
    looks_every_second(wait, now, 30)


def lane_of(topic_id: str) -> AssignedPartition:
    lane = AssignedPartition(0, DEFINITION, WindowShape(8, 4), DeadLetterLimit())
    lane.topic_id = topic_id
    return lane


def test_a_lane_notices_another_topic_whoever_heard_of_it_first() -> None:
    """Another partition's restore may have asked for the id, and one restored without an id gets one."""
    nobody = cast(Source, None)
    restorer = PartitionRestorer(
        {}, DEFINITION, nobody, begin_at="earliest", group="g", limit=DeadLetterLimit()
    )
    restorer._identity.known, restorer._identity._fetch_at = "two", math.inf
    nameless = lane_of("")
    assert not restorer.made_anew([nameless, lane_of("two")])
    assert nameless.topic_id == "two"
    assert restorer.made_anew([nameless, lane_of("one")])
