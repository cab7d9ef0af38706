"""The one restore path, for a start, a rebalance, an aborted transaction and the end of an outage.

Read the partition's state, find the rewind offset, fill the windows up to the committed offset without any
output, go live.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from tfstream.app.scoring.assigned_partition import AssignedPartition
from tfstream.app.scoring.restore_policy import FreshStart, RestorePolicy, StoredPartition
from tfstream.app.scoring.state_wait import StateWait
from tfstream.core.messages.dead_letter_limit import DeadLetterLimit
from tfstream.core.state import (
    HEAD_KEY,
    AssetState,
    PartitionHead,
    decode_asset,
    decode_head,
    decode_metadata,
    is_asset_key,
    with_witnesses,
    witness_key,
)
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.window import WindowShape
from tfstream.streaming.connection.properties import Properties
from tfstream.streaming.consumer.source import Source
from tfstream.streaming.consumer.state_reader import StateReader, Table
from tfstream.streaming.records import Position
from tfstream.streaming.topic_id import TopicIdentity, is_another_topic
from tfstream.streaming.topics import state_topic

_log = logging.getLogger("tfstream.score")
_SLICE_S = 0.5  # of reading states, between two polls of the group


class RestoredPartition(NamedTuple):
    """A partition, and the offset to read from."""

    partition: AssignedPartition
    start: int


class PartitionRestorer:
    """Restores the partitions of one group. ``begin_at`` is for a group without commits."""

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
        self._definition = definition
        self._source = source
        self._begin_at = begin_at
        self._identity = TopicIdentity(properties, definition.topic)
        self._group = group
        self._limit = limit
        self._states = StateReader(properties, state_topic(definition.topic))
        self._wait = StateWait(definition.topic)

    def restore(
        self, partitions: Sequence[int], shape: WindowShape, topic_partitions: int
    ) -> dict[int, RestoredPartition]:
        """Restore those of the partitions whose state is readable; call it again for the others.

        The state of the last commit may become readable a moment after its offset, and a long state takes
        several calls: the caller must poll its group between them. The topic has ``topic_partitions``.

        :raises ServiceUnavailable: when the broker does not answer.
        :raises ConfigurationError: when the state belongs to another group.
        :raises StateBehind: when a state has not become readable for a long time.
        """
        self._identity.fetch()
        self._states.request(partitions)
        # first: the state topic then holds the state of these commits
        committed = self._source.offsets.committed(partitions)
        tables = self._states.read(_SLICE_S)
        ready = self._readable(partitions, committed, tables)
        policy = self._policy([stored.position for stored in ready], topic_partitions)
        restored = {
            stored.partition: self._restored(policy, stored, tables[stored.partition], shape)
            for stored in ready
        }
        self._states.drop(restored)
        if self._states.idle:
            self._states.close()
        return restored

    def _readable(
        self, partitions: Sequence[int], committed: Mapping[int, Position | None], tables: Mapping[int, Table]
    ) -> list[StoredPartition]:
        """The partitions whose state has been read to the end and belongs to the last commit."""
        heads = {number: _head(tables[number]) for number in partitions if number in tables}
        ready = [
            number
            for number, head in heads.items()
            if not self._wait.is_behind(number, committed[number], head)
        ]
        bounds = self._source.offsets.bounds(ready)
        return [
            StoredPartition(number, committed[number], heads[number], *bounds[number]) for number in ready
        ]

    def close(self) -> None:
        """Stop reading states."""
        self._states.close()

    def is_topic_recreated(self, partitions: Iterable[AssignedPartition]) -> bool:
        """Whether the topic was deleted and created again since one of the partitions was restored.

        A partition that was restored while the topic's id was unknown gets the first id that is known.
        """
        now = self._identity.recent()
        for partition in partitions:
            partition.topic_id = partition.topic_id or now
            if is_another_topic(partition.topic_id, now):
                return True
        return False

    def forget(self, partitions: Iterable[int]) -> None:
        """Another scorer owns them now; a later restore waits for their states from zero."""
        self._states.drop(partitions)
        self._wait.forget(partitions)

    def _policy(self, positions: Sequence[Position | None], topic_partitions: int) -> RestorePolicy:
        return RestorePolicy(
            topic=self._definition.topic,
            topic_id=self._identity.known,
            group=self._group,
            begin_at=self._begin_at,
            interval_us=self._definition.interval_us,
            partitions_at_first=self._partitions_at_first(positions, topic_partitions),
        )

    def _partitions_at_first(self, positions: Sequence[Position | None], topic_partitions: int) -> int:
        """How many partitions the topic had when the group began: as its commits say, else as now."""
        counts = _first_counts(positions)
        if len(counts) < len(positions):
            counts = _first_counts(self._source.offsets.committed(range(topic_partitions)).values())
        return min(counts, default=topic_partitions)

    def _restored(
        self, policy: RestorePolicy, stored: StoredPartition, table: Table, shape: WindowShape
    ) -> RestoredPartition:
        partition = AssignedPartition(
            stored.partition,
            self._definition,
            shape,
            self._limit,
            group=self._group,
            topic_id=policy.topic_id,
            partitions_at_first=policy.partitions_at_first,
        )
        decision = policy.decide(stored)
        if isinstance(decision, FreshStart):
            return RestoredPartition(partition, partition.begin(decision.offset, table))
        head = decision.head
        states, older = restore_assets(table)
        start = partition.restore(states, head.clock_us, head.offset, head.dead_letters, older)
        if start < stored.low:
            _log.warning(
                "partition %d: retention has removed offsets %d to %d, which open windows need; "
                "these windows fill again",
                stored.partition,
                start,
                stored.low - 1,
            )
        return RestoredPartition(partition, max(start, stored.low))


def _first_counts(positions: Iterable[Position | None]) -> list[int]:
    """The topic's partitions when the group began, from each commit that names their number."""
    metadata = [decode_metadata(position.metadata) for position in positions if position is not None]
    return [
        entry.partitions_at_first for entry in metadata if entry is not None and entry.partitions_at_first
    ]


def _head(table: Table) -> PartitionHead | None:
    value = table.get(HEAD_KEY)
    if value is None:
        return None
    try:
        return decode_head(value)
    except msgspec.DecodeError:
        return None


def restore_assets(table: Table) -> tuple[dict[str, AssetState], list[str]]:
    """The states that can be read; the windows of the other assets start empty.

    Also the assets whose own record holds their witnesses, as in older versions.
    """
    states, older = {}, []
    for key, value in table.items():
        if not is_asset_key(key):
            continue
        try:
            asset, state = key.decode(), decode_asset(value)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            _log.warning("the state of %r cannot be read (%s); its windows start empty", key, error)
            continue
        stored = table.get(witness_key(asset))
        if stored is None and state.memory is not None and state.memory.witnesses is not None:
            older.append(asset)
        states[asset] = with_witnesses(state, stored)
    return states, older
