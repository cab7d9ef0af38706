"""How long a restore waits for a state, and how it notices another topic of the same name."""

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
from tfstream.streaming.consumer.source import Source
from tfstream.streaming.records import Position

DEFINITION = StreamDefinition(topic="t", sensors=("a", "b"), interval_us=1_000_000)
OURS = Position(0, 10, encode(RewindMetadata(rewind_offset=3, model_version=1)).decode())
BEHIND = PartitionHead(offset=5, clock_us=0, model_version=1)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    clock = [100.0]
    monkeypatch.setattr(state_wait, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    return clock


def check_every_second(wait: StateWait, now: list[float], seconds: int) -> None:
    for _ in range(seconds):
        assert wait.is_behind(0, OURS, BEHIND)
        now[0] += 1.0


def test_the_wait_for_a_state_that_stays_behind_ends(now: list[float]) -> None:
    wait = StateWait("t")
    check_every_second(wait, now, 40)
    with pytest.raises(StateBehind):
        wait.is_behind(0, OURS, BEHIND)


def test_the_wait_for_a_partition_that_comes_back_starts_from_zero(now: list[float]) -> None:
    """An hour at another scorer does not count."""
    wait = StateWait("t")
    check_every_second(wait, now, 40)
    wait.forget([0])
    now[0] += 3600
    check_every_second(wait, now, 40)


def test_an_outage_does_not_count(now: list[float]) -> None:
    """The state could not be read."""
    wait = StateWait("t")
    check_every_second(wait, now, 2)
    now[0] += 3600
    check_every_second(wait, now, 30)


def partition_of(topic_id: str) -> AssignedPartition:
    return AssignedPartition(0, DEFINITION, WindowShape(8, 4, 4), DeadLetterLimit(), topic_id=topic_id)


def test_each_partition_notices_another_topic_of_the_same_name() -> None:
    """Another partition's restore may have fetched the new id; a partition without an id gets the first."""
    no_source = cast(Source, None)
    restorer = PartitionRestorer(
        {}, DEFINITION, no_source, begin_at="earliest", group="g", limit=DeadLetterLimit()
    )
    restorer._identity.known, restorer._identity._fetch_at = "two", math.inf
    without_id = partition_of("")
    assert not restorer.is_topic_recreated([without_id, partition_of("two")])
    assert without_id.topic_id == "two"
    assert restorer.is_topic_recreated([without_id, partition_of("one")])
