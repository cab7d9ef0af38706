"""What a restorer remembers of partitions, and what it takes for a topic's id: without a broker."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import Uuid

from tfstream.app import restoring
from tfstream.app.restoring import Restorer, StateBehind
from tfstream.core.dead_letter_limit import DeadLetterLimit
from tfstream.core.state import PartitionHead, RewindMetadata, encode
from tfstream.core.stream import StreamDefinition
from tfstream.streaming.identity import TopicIdentity
from tfstream.streaming.records import Position
from tfstream.streaming.source import Source

DEFINITION = StreamDefinition(topic="t", sensors=("a", "b"), interval_us=1_000_000)
OURS = Position(0, 10, encode(RewindMetadata(rw=3, m=1)).decode())
BEHIND = PartitionHead(offset=5, clock_us=0, model_version=1)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    clock = [100.0]
    monkeypatch.setattr(restoring, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    return clock


def restorer() -> Restorer:
    nobody = cast(Source, None)
    return Restorer({}, DEFINITION, nobody, begin_at="earliest", group="g", limit=DeadLetterLimit())


def test_a_state_that_stays_behind_is_waited_for_only_so_long(now: list[float]) -> None:
    mine = restorer()
    assert mine._is_behind(0, OURS, BEHIND)
    now[0] += 3600
    with pytest.raises(StateBehind):
        mine._is_behind(0, OURS, BEHIND)


def test_a_partition_that_comes_back_is_waited_for_anew(now: list[float]) -> None:
    """An hour at another scorer is no hour in which its state did not come."""
    mine = restorer()
    assert mine._is_behind(0, OURS, BEHIND)
    mine.forget([0])
    now[0] += 3600
    assert mine._is_behind(0, OURS, BEHIND)


@pytest.mark.parametrize(("told", "known"), [(Uuid(0, 0), ""), (Uuid(1, 2), str(Uuid(1, 2))), (None, "")])
def test_no_id_is_no_topics_id(told: Uuid | None, known: str) -> None:
    """Brokers of before 2.8 tell zeros; after their upgrade the topic is the same one."""
    description = SimpleNamespace(result=lambda timeout: SimpleNamespace(topic_id=told))
    admin: Any = SimpleNamespace(describe_topics=lambda topics, request_timeout: {"t": description})
    assert TopicIdentity({}, "t")._told(admin) == known
