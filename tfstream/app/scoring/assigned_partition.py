"""One assigned partition: its tracks, its assets' memories, and the outputs for the next commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import UNSET

from tfstream.app.detection.asset_update import AssetUpdate
from tfstream.app.scoring.partition_phase import Live, Phase, Rebuilding, Stopped
from tfstream.app.scoring.uncommitted import Uncommitted
from tfstream.core.messages.codec import Codec
from tfstream.core.messages.dead_letter_limit import DeadLetterLimit, DeadLetterTally
from tfstream.core.reading import InvalidReading
from tfstream.core.state import (
    HEAD_KEY,
    AssetMemory,
    AssetState,
    PartitionHead,
    RewindMetadata,
    encode,
    without_witnesses,
    witness_key,
)
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.partition_tracks import PartitionTracks, TrackEvent
from tfstream.core.windowing.window import WindowShape
from tfstream.streaming.producer.dead_letter_output import dead_letter_output
from tfstream.streaming.records import Output, Position, Record
from tfstream.streaming.topics import state_topic


class AssignedPartition:
    """Everything that a scorer holds for one partition; dropping the object drops all of it.

    ``partitions_at_first`` is the number of the topic's partitions when the group began. ``topic_id`` is the
    broker's id of the topic, empty while unknown: a topic that is deleted and created again gets another id.
    """

    def __init__(
        self,
        partition: int,
        definition: StreamDefinition,
        shape: WindowShape,
        limit: DeadLetterLimit,
        *,
        group: str = "",
        topic_id: str = "",
        partitions_at_first: int = 0,
    ) -> None:
        self.partition = partition
        self.topic_id = topic_id
        self.tracks = PartitionTracks(definition, shape)
        self.memories: dict[str, AssetMemory] = {}
        self.phase: Phase = Live()
        self.position = 0  # the next offset to read
        self.committed = 0
        self.tally = DeadLetterTally()
        self.uncommitted = Uncommitted()
        self.partitions_at_first = partitions_at_first
        self._limit = limit
        self._group = group
        self._topic = definition.topic
        self._state_topic = state_topic(definition.topic)
        self._interval_us = definition.interval_us

    def begin(self, offset: int, stored_keys: Iterable[bytes]) -> int:
        """Start live at an offset without any state; returns the offset.

        The next commit writes this start and removes the stored state, of which ``stored_keys`` are the keys.
        A reader could not distinguish old state from new state beside a new head.
        """
        self.committed = self.position = offset
        self.uncommitted.removed = set(stored_keys) - {HEAD_KEY}
        self.uncommitted.required = True
        return offset

    def restore(
        self,
        states: dict[str, AssetState],
        clock_us: int,
        committed: int,
        tally: DeadLetterTally,
        rewritten: Iterable[str] = (),
    ) -> int:
        """Take over the state that was stored at the committed offset; returns the offset to read from.

        The phase is then :class:`Rebuilding` up to the committed offset. ``rewritten`` are assets whose
        witnesses the next commit writes: older versions stored them in the record of the asset.
        """
        self.committed = self.position = committed
        self.tally = tally
        self.memories = {asset: state.memory for asset, state in states.items() if state.memory is not None}
        self.uncommitted.witnessed = set(rewritten)
        tracks = {asset: state.track for asset, state in states.items()}
        start = self.tracks.resume(tracks, clock_us, committed)
        self.phase = Rebuilding(states)
        if start == committed:
            self._go_live(states)
        return start

    def read(self, record: Record, codec: Codec) -> list[TrackEvent]:
        """The track events of a record. Records before the committed offset only fill the windows."""
        if record.offset < self.committed:
            self._rebuild(record, codec)
            return []
        if isinstance(self.phase, Stopped):
            return []
        if isinstance(self.phase, Rebuilding):
            self._go_live(self.phase.states)
        try:
            reading = codec.decode(record.value, record.key, record.time_ms)
        except InvalidReading as invalid:
            self._dead_letter_or_stop(record, str(invalid))
            return []
        self.position = record.offset + 1
        self.tally.readable += 1
        self.uncommitted.touched.add(reading.asset)
        return self.tracks.push(reading, record.offset)

    def _rebuild(self, record: Record, codec: Codec) -> None:
        try:
            reading = codec.decode(record.value, record.key, record.time_ms)
        except InvalidReading:
            return  # its dead letter was written with the commit that covers it
        self.tracks.rebuild(reading, record.offset)

    def _go_live(self, states: Mapping[str, AssetState]) -> None:
        """The windows are rebuilt: from here on records are new."""
        silent = {asset for asset, state in states.items() if state.silent}
        self.tracks.go_live({asset: state.track for asset, state in states.items()}, silent)
        self.phase = Live()

    def _dead_letter_or_stop(self, record: Record, reason: str) -> None:
        """Write a dead letter; beyond the limit, stop the partition before the record instead."""
        tally = self._limit.with_unreadable(self.tally)
        excess = self._limit.excess(tally)
        if excess is not None:
            self.phase = Stopped(self._stop_reason(record.offset, excess, reason))
            self.uncommitted.required = True
            return
        self.position = record.offset + 1
        self.tally = tally
        self.uncommitted.dead_letters += 1
        self.uncommitted.outputs.append(dead_letter_output(self._topic, record, reason))

    def _stop_reason(self, offset: int, excess: str, reason: str) -> str:
        return (
            f"partition {self.partition} of {self._topic}, offset {offset}: {excess} "
            f"(this message: {reason}). The scorer reads this partition no further, so that not all messages "
            f"become dead letters. Fix the producer, or the definition with `tfstream streams set "
            f"{self._topic}`, and start again; or start once with "
            f"`--dead-letter-run off --dead-letter-share off` to write all of them to the dead letters"
        )

    @property
    def stop_reason(self) -> str | None:
        """Why the partition reads no further; None while it reads."""
        return self.phase.reason if isinstance(self.phase, Stopped) else None

    @property
    def rebuilding(self) -> bool:
        """Whether messages are read again; without a new message this lasts beyond the last of them."""
        return isinstance(self.phase, Rebuilding)

    def apply(self, update: AssetUpdate, outputs: Iterable[Output]) -> None:
        """Keep an asset's new memory, and the outputs of the update for the next commit."""
        self.uncommitted.outputs.extend(outputs)
        self.uncommitted.episode_events += len(update.events)
        if update.memory is None:
            self._forget(update.asset)
        else:
            before = self.memories.get(update.asset)
            if update.memory.witnesses is not (None if before is None else before.witnesses):
                self.uncommitted.witnessed.add(update.asset)
            self.memories[update.asset] = update.memory
            self.uncommitted.touched.add(update.asset)

    def _forget(self, asset: str) -> None:
        """Drop a gone asset with its state, unless it has already returned as a new asset."""
        self.memories.pop(asset, None)
        self.uncommitted.witnessed.discard(asset)
        self.uncommitted.removed.add(witness_key(asset))
        if asset not in self.tracks:
            self.uncommitted.touched.discard(asset)
            self.uncommitted.removed.add(asset.encode())

    @property
    def has_changes(self) -> bool:
        """Whether there is something to commit."""
        return self.uncommitted.required or self.position > self.committed

    def commit_outputs(self, model_version: int) -> tuple[list[Output], Position]:
        """What the next commit writes: outputs, the states of touched assets, the head; and the position."""
        work = self.uncommitted
        states = [self._state_output(key, None) for key in sorted(work.removed)]
        states += [
            self._state_output(asset.encode(), encode(self._state(asset))) for asset in sorted(work.touched)
        ]
        states += [
            self._state_output(witness_key(asset), self.memories[asset].witnesses)
            for asset in sorted(work.witnessed)
        ]
        states.append(self._state_output(HEAD_KEY, encode(self._head(model_version))))
        metadata = encode(self._metadata(model_version)).decode()
        return [*work.outputs, *states], Position(self.partition, self.position, metadata)

    def mark_committed(self) -> None:
        """The commit has succeeded: nothing is uncommitted."""
        self.committed = self.position
        self.uncommitted = Uncommitted()

    def _head(self, model_version: int) -> PartitionHead:
        return PartitionHead(
            offset=self.position,
            clock_us=self.tracks.clock_us,
            model_version=model_version,
            interval_us=self._interval_us,
            topic_id=self.topic_id,
            group=self._group,
            dead_letters=self.tally,
        )

    def _metadata(self, model_version: int) -> RewindMetadata:
        return RewindMetadata(
            rewind_offset=self.tracks.rewind(self.position),
            model_version=model_version,
            partitions_at_first=self.partitions_at_first,
            at_dead_letter_limit=True if isinstance(self.phase, Stopped) else UNSET,
        )

    def _state(self, asset: str) -> AssetState:
        return AssetState(
            track=self.tracks.state(asset),
            silent=asset in self.tracks.silent,
            memory=without_witnesses(self.memories.get(asset)),
        )

    def _state_output(self, key: bytes, value: bytes | None) -> Output:
        return Output(self._state_topic, key, value, partition=self.partition)
