"""The one restore path: it serves start, rebalance, aborted transaction and the end of an outage.

Read the partition's state, find the rewind offset, fill the windows in silence up to the committed offset,
go live.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from tfstream.app.scoring.assigned_partition import AssignedPartition
from tfstream.app.scoring.state_wait import StateWait
from tfstream.core.messages.dead_letter_limit import DeadLetterLimit
from tfstream.core.state import (
    HEAD_KEY,
    AssetState,
    PartitionHead,
    decode_asset,
    decode_head,
    decode_metadata,
)
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.window import WindowShape
from tfstream.errors import ConfigurationError
from tfstream.streaming.properties import Properties
from tfstream.streaming.records import Position
from tfstream.streaming.source import Source
from tfstream.streaming.state_reader import StateReader, Table
from tfstream.streaming.topic_id import TopicIdentity, is_another_topic
from tfstream.streaming.topics import state_topic

_log = logging.getLogger("tfstream.score")
_SLICE_S = 0.5  # of reading states, between two polls of the group


class RestoredPartition(NamedTuple):
    """A partition's lane, and the offset to read from."""

    lane: AssignedPartition
    start: int


class PartitionRestorer:
    """Makes the lanes of partitions that are to be read. ``begin_at`` is for a group without commits."""

    def __init__(
        self,
        properties: Properties,
        definition: StreamDefinition,
        source: Source,
        *,
        begin_at: str,
        group: str,
        limit: DeadLetterLimit,
    ) -> None:
        self._properties = properties
        self._definition = definition
        self._source = source
        self._begin_at = begin_at
        self._identity = TopicIdentity(properties, definition.topic)
        self._group = group
        self._limit = limit
        self._states = StateReader(properties, state_topic(definition.topic))
        self._wait = StateWait(definition.topic)

    def restore(
        self, partitions: Sequence[int], shape: WindowShape, count: int
    ) -> dict[int, RestoredPartition]:
        """Those of the partitions whose state is there; call it again for the others.

        The state of the last commit may take a moment to come, a long one is read bit by bit: the caller must
        poll its group meanwhile. The topic has ``count`` partitions.

        :raises ServiceUnavailable: when the broker does not answer.
        :raises ConfigurationError: when the state is another group's.
        :raises StateBehind: when a state has not come for a long time.
        """
        self._identity.fetch()
        self._states.request(partitions)
        # first: the state topic then holds the state of these commits
        committed = self._source.offsets.committed(partitions)
        tables = self._states.read(_SLICE_S)
        here = [
            partition
            for partition in partitions
            if partition in tables
            and not self._wait.is_behind(partition, committed[partition], _head(tables[partition]))
        ]
        bounds = self._source.offsets.bounds(here)
        at_first = self._partitions_at_first([committed[partition] for partition in here], count)
        found = {
            partition: self._restored(
                self._lane(partition, shape, at_first),
                committed[partition],
                tables[partition],
                *bounds[partition],
            )
            for partition in here
        }
        self._states.drop(found)
        if self._states.idle:
            self._states.close()
        return found

    def close(self) -> None:
        """Nothing more is to be restored."""
        self._states.close()

    def made_anew(self, lanes: Iterable[AssignedPartition]) -> bool:
        """Whether the topic was deleted and made anew since one of the lanes was restored.

        A lane that was restored while nobody told the topic's id is given the first one that is heard of.
        """
        now = self._identity.recent()
        for lane in lanes:
            lane.topic_id = lane.topic_id or now
            if is_another_topic(lane.topic_id, now):
                return True
        return False

    def forget(self, partitions: Iterable[int]) -> None:
        """They are another's now: what their state lacked says nothing of the next time they come."""
        self._states.drop(partitions)
        self._wait.forget(partitions)

    def _partitions_at_first(self, positions: Sequence[Position | None], count: int) -> int:
        """How many partitions the topic had when the group began, as its commits say; else, now."""
        said = _counts(positions)
        if len(said) < len(positions):
            said = _counts(self._source.offsets.committed(range(count)).values())
        return min(said, default=count)

    def _lane(self, partition: int, shape: WindowShape, at_first: int) -> AssignedPartition:
        lane = AssignedPartition(partition, self._definition, shape, self._limit, self._group)
        lane.topic_id = self._identity.known
        lane.partitions_at_first = at_first
        return lane

    def _restored(
        self, lane: AssignedPartition, position: Position | None, table: Table, low: int, high: int
    ) -> RestoredPartition:
        """``low`` and ``high`` are the partition's first offset and its end."""
        partition, head = lane.partition, _head(table)
        if head is not None:
            self._check_owner(partition, head.group)
        position = position or self._as_the_state_says(partition, head)
        lost = position is not None and position.offset > high
        if lost or self._is_another_topic(head):  # the broker forgets the offsets of a topic that is deleted
            return RestoredPartition(lane, lane.begin(self._after_a_loss(partition, head, low, high), table))
        if position is None:
            added = partition >= lane.partitions_at_first  # all of it came after the group began
            start = low if added or self._begin_at == "earliest" else high
            return RestoredPartition(lane, lane.begin(start, table))
        refused = self._reason_to_begin_anew(position, head)
        if head is None or refused is not None:
            _log.warning("partition %d: %s; going on with fresh windows", partition, refused)
            return RestoredPartition(lane, lane.begin(max(position.offset, low), table))
        start = lane.restore(_asset_states(table), head.clock_us, position.offset, head.dead_letters)
        if start < low:
            _log.warning(
                "partition %d: retention removed offsets %d to %d that open windows need; they fill up again",
                partition,
                start,
                low - 1,
            )
        return RestoredPartition(lane, max(start, low))

    def _as_the_state_says(self, partition: int, head: PartitionHead | None) -> Position | None:
        """Brokers forget where a group stood once it had no member for a week, unless told otherwise."""
        if head is None or head.group != self._group or not head.topic_id == self._identity.known != "":
            return None
        _log.warning(
            "partition %d: the broker has forgotten where the group stood; going on at offset %d, as its "
            "state says",
            partition,
            head.offset,
        )
        return Position(partition, head.offset, "")

    def _is_another_topic(self, head: PartitionHead | None) -> bool:
        """Whether the state is of a topic of the same name that was deleted since."""
        return head is not None and is_another_topic(head.topic_id, self._identity.known)

    def _after_a_loss(self, partition: int, head: PartitionHead | None, low: int, high: int) -> int:
        """Where to begin in a topic that was made anew, or in one whose newest messages were lost."""
        made_anew = head is None or head.topic_id == "" or self._is_another_topic(head)
        start, what = (low, "was made anew") if made_anew else (high, "has lost its newest messages")
        _log.warning(
            "partition %d: topic %s %s; beginning at offset %d with fresh windows",
            partition,
            self._definition.topic,
            what,
            start,
        )
        return start

    def _check_owner(self, partition: int, owner: str) -> None:
        """A topic's outputs and state are one group's: a second one would write everything again.

        :raises ConfigurationError: when the state is another group's.
        """
        if owner not in ("", self._group):
            topic = self._definition.topic
            raise ConfigurationError(
                f"partition {partition} of {topic} is scored by the group {owner}, and {self._group} would "
                f"write the same topics again; start with `--group {owner}`, or to begin anew under another "
                f"name, stop its scorers and delete {state_topic(topic)}"
            )

    def _reason_to_begin_anew(self, position: Position, head: PartitionHead | None) -> str | None:
        if head is None or head.offset != position.offset:
            stands = head.offset if head else "none"
            return f"the group stands at offset {position.offset}, its state at {stands}"
        if head.interval_us != self._definition.interval_us:
            return "the sampling interval was changed"
        return None


def _counts(positions: Iterable[Position | None]) -> list[int]:
    """How many partitions there were when the group began, of each commit that says so."""
    found = [decode_metadata(position.metadata) for position in positions if position is not None]
    return [metadata.n for metadata in found if metadata is not None and metadata.n]


def _head(table: Table) -> PartitionHead | None:
    value = table.get(HEAD_KEY)
    if value is None:
        return None
    try:
        return decode_head(value)
    except msgspec.DecodeError:
        return None


def _asset_states(table: Table) -> dict[str, AssetState]:
    """What can be read; an asset whose state is not ours begins anew."""
    states = {}
    for key, value in table.items():
        if key == HEAD_KEY:
            continue
        try:
            states[key.decode()] = decode_asset(value)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            _log.warning("the state of %r cannot be read, its windows begin anew: %s", key, error)
    return states
