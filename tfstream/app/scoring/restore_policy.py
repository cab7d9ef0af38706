"""Where a partition starts: with its stored state, or without it at another offset."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import NamedTuple

from tfstream.core.state import PartitionHead
from tfstream.errors import ConfigurationError
from tfstream.streaming.records import Position
from tfstream.streaming.topic_id import is_another_topic
from tfstream.streaming.topics import state_topic

_log = logging.getLogger("tfstream.score")


class StoredPartition(NamedTuple):
    """What Kafka has of a partition: the group's commit, the state's head, its first offset and its end."""

    partition: int
    position: Position | None
    head: PartitionHead | None
    low: int
    high: int


class FreshStart(NamedTuple):
    """Start at ``offset`` with empty windows."""

    offset: int


class Resume(NamedTuple):
    """Take over the stored state, which belongs to the committed offset of ``head``."""

    head: PartitionHead


@dataclass(frozen=True, kw_only=True)
class RestorePolicy:
    """The rules of one group on one topic; ``begin_at`` is for a group without commits."""

    topic: str
    topic_id: str  # the broker's, empty while unknown
    group: str
    begin_at: str
    interval_us: int
    partitions_at_first: int  # of the topic, when the group began

    def decide(self, stored: StoredPartition) -> FreshStart | Resume:
        """Where and how a partition starts.

        :raises ConfigurationError: when the state belongs to another group.
        """
        partition, position, head, low, high = stored
        if head is not None:
            self._check_owner(partition, head.group)
        position = position or self._position_of_state(partition, head)
        lost = position is not None and position.offset > high
        if lost or self._is_recreated(head):  # the broker forgets the offsets of a deleted topic
            return self._after_loss(partition, head, low, high)
        if position is None:
            added = partition >= self.partitions_at_first  # all its messages came after the group began
            return FreshStart(low if added or self.begin_at == "earliest" else high)
        misfit = self._misfit(position, head)
        if head is None or misfit is not None:
            _log.warning("partition %d: %s; continuing with empty windows", partition, misfit)
            return FreshStart(max(position.offset, low))
        return Resume(head)

    def _position_of_state(self, partition: int, head: PartitionHead | None) -> Position | None:
        """By default, brokers forget a group's offsets once it had no member for a week."""
        if head is None or head.group != self.group or not head.topic_id == self.topic_id != "":
            return None
        _log.warning(
            "partition %d: the broker has forgotten the group's committed offset; continuing at offset %d, "
            "from the state",
            partition,
            head.offset,
        )
        return Position(partition, head.offset, "")

    def _is_recreated(self, head: PartitionHead | None) -> bool:
        """Whether the state belongs to a deleted topic of the same name."""
        return head is not None and is_another_topic(head.topic_id, self.topic_id)

    def _after_loss(self, partition: int, head: PartitionHead | None, low: int, high: int) -> FreshStart:
        """The start in a topic that was created again, or in one whose newest messages were lost."""
        recreated = head is None or head.topic_id == "" or self._is_recreated(head)
        start, event = (
            (low, "was deleted and created again") if recreated else (high, "has lost its newest messages")
        )
        _log.warning(
            "partition %d: topic %s %s; starting at offset %d with empty windows",
            partition,
            self.topic,
            event,
            start,
        )
        return FreshStart(start)

    def _check_owner(self, partition: int, owner: str) -> None:
        """One group writes a topic's outputs and state: a second group would write everything twice.

        :raises ConfigurationError: when the state belongs to another group.
        """
        if owner not in ("", self.group):
            raise ConfigurationError(
                f"partition {partition} of {self.topic} is scored by the group {owner}, and {self.group} "
                f"would write the same topics again; start with `--group {owner}`. To start from nothing "
                f"under another name, stop that group's scorers and delete {state_topic(self.topic)}"
            )

    def _misfit(self, position: Position, head: PartitionHead | None) -> str | None:
        """Why the state does not belong to the committed offset, or cannot be used."""
        if head is None or head.offset != position.offset:
            stored = f"the stored state belongs to offset {head.offset}" if head else "no state is stored"
            return f"the group has committed offset {position.offset}, but {stored}"
        if head.interval_us != self.interval_us:
            return "the sampling interval has changed"
        return None
