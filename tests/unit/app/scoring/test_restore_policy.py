"""Where a partition starts, from what Kafka has of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from tfstream.app.scoring.restore_policy import FreshStart, RestorePolicy, Resume, StoredPartition
from tfstream.core.state import PartitionHead
from tfstream.errors import ConfigurationError
from tfstream.streaming.records import Position

POLICY = RestorePolicy(
    topic="t", topic_id="id", group="g", begin_at="latest", interval_us=1_000_000, partitions_at_first=2
)
HEAD = PartitionHead(offset=50, clock_us=0, model_version=1, interval_us=1_000_000, topic_id="id", group="g")
COMMIT = Position(0, 50, "")
STORED = StoredPartition(0, COMMIT, HEAD, 10, 100)


def changed(**fields: Any) -> PartitionHead:
    return msgspec.structs.replace(HEAD, **fields)


def test_a_state_that_belongs_to_the_committed_offset_is_resumed() -> None:
    assert POLICY.decide(STORED) == Resume(HEAD)
    assert POLICY.decide(STORED._replace(position=None)) == Resume(HEAD)  # the broker forgot the commit


@pytest.mark.parametrize(
    ("partition", "begin_at", "start"), [(0, "latest", 100), (0, "earliest", 10), (2, "latest", 10)]
)
def test_a_group_without_commits_begins_at_its_option(partition: int, begin_at: str, start: int) -> None:
    """A partition that was added after the group began is read from its beginning."""
    policy = replace(POLICY, begin_at=begin_at)
    assert policy.decide(StoredPartition(partition, None, None, 10, 100)) == FreshStart(start)


@pytest.mark.parametrize("head", [None, changed(offset=40), changed(interval_us=1)])
def test_a_state_that_does_not_fit_is_not_used(head: PartitionHead | None) -> None:
    assert POLICY.decide(STORED._replace(head=head)) == FreshStart(50)
    assert POLICY.decide(STORED._replace(head=head, low=60)) == FreshStart(60)


def test_a_topic_that_was_created_again_is_read_from_its_beginning() -> None:
    assert POLICY.decide(STORED._replace(head=changed(topic_id="old"))) == FreshStart(10)


def test_after_a_loss_of_the_newest_messages_reading_continues_at_the_end() -> None:
    assert POLICY.decide(STORED._replace(high=40)) == FreshStart(40)


def test_another_groups_state_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="is scored by the group other, and g would write"):
        POLICY.decide(STORED._replace(head=changed(group="other")))
