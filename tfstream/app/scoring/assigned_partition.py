"""One assigned partition: its tracks, its assets' memories, and what waits for the next commit."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import UNSET

from tfstream.core.messages.codec import Codec
from tfstream.core.messages.dead_letter_limit import DeadLetterLimit, DeadLetterTally
from tfstream.core.reading import InvalidReading
from tfstream.core.state import HEAD_KEY, AssetMemory, AssetState, PartitionHead, RewindMetadata, encode
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.partition_tracks import PartitionTracks, TrackEvent
from tfstream.core.windowing.window import WindowShape
from tfstream.streaming.dead_letter_output import dead_letter_output
from tfstream.streaming.records import Output, Position, Record
from tfstream.streaming.topics import state_topic


class AssignedPartition:
    """Everything held for one partition; dropping the object drops all of it."""

    def __init__(
        self,
        partition: int,
        definition: StreamDefinition,
        shape: WindowShape,
        limit: DeadLetterLimit,
        group: str = "",
    ) -> None:
        self.partition = partition
        self.tracks = PartitionTracks(definition, shape)
        self.memories: dict[str, AssetMemory] = {}
        self.outputs: list[Output] = []
        self.position = 0  # the next offset to read
        self.committed = 0
        self.dead_letters = 0
        self.partitions_at_first = 0  # of the topic, when the group began
        self.topic_id = ""  # the broker's own for the source: a topic that is made anew has another
        self.events = 0
        self.tally = DeadLetterTally()
        self.stopped: str | None = None  # why this partition goes no further
        self._stop_committed = False
        self._limit = limit
        self._group = group
        self._topic = definition.topic
        self._state_topic = state_topic(definition.topic)
        self._interval_us = definition.interval_us
        self._touched: set[str] = set()
        self._discarded: set[bytes] = set()  # state that is nobody's any more
        self._fresh = False  # whether this lane has begun without a state and not committed since
        self._restored: dict[str, AssetState] | None = None
        self._rewound = False

    def restore(
        self, states: dict[str, AssetState], clock_us: int, committed: int, tally: DeadLetterTally
    ) -> int:
        """Take up what was stored at the committed offset; returns the offset to read again from."""
        self.committed = self.position = committed
        self.tally = tally
        self.memories = {asset: state.memory for asset, state in states.items() if state.memory is not None}
        self._restored = states
        tracks = {asset: state.track for asset, state in states.items()}
        start = self.tracks.resume(tracks, clock_us, committed)
        self._rewound = start < committed
        return start

    def begin(self, offset: int, discarded: Iterable[bytes]) -> int:
        """Start at an offset with nothing; the next commit writes the start down and removes old state.

        Old state must go: once a new head stands beside it, nobody could tell it from the new.
        """
        self.restore({}, -1, offset, DeadLetterTally())
        self._discarded = set(discarded) - {HEAD_KEY}
        self._fresh = True
        return offset

    def read(self, record: Record, codec: Codec) -> list[TrackEvent]:
        """One record in; what it brings to light. Records before the committed offset only fill windows."""
        if record.offset < self.committed:
            self._read_again(record, codec)
            return []
        if self.stopped is not None:
            return []
        self.go_live()
        try:
            reading = codec.decode(record.value, record.key, record.time_ms)
        except InvalidReading as invalid:
            self._divert(record, str(invalid))
            return []
        self.position = record.offset + 1
        self.tally.readable += 1
        self._touched.add(reading.asset)
        return self.tracks.push(reading, record.offset)

    def _divert(self, record: Record, reason: str) -> None:
        """To the dead letters; beyond the limit nowhere, and the partition stands still before the record."""
        tally = self._limit.with_unreadable(self.tally)
        excess = self._limit.excess(tally)
        if excess is not None:
            self.stopped = (
                f"partition {self.partition} of {self._topic}, offset {record.offset}: {excess} "
                f"(this one: {reason}), and its scoring stops before all are diverted; mend the producer, or "
                f"the definition with `tfstream streams set {self._topic}`, and start again, or divert them "
                f"with `--dead-letter-run off --dead-letter-share off`"
            )
            return
        self.position = record.offset + 1
        self.tally = tally
        self.dead_letters += 1
        self.outputs.append(dead_letter_output(self._topic, record, reason))

    def _read_again(self, record: Record, codec: Codec) -> None:
        try:
            reading = codec.decode(record.value, record.key, record.time_ms)
        except InvalidReading:
            return  # its dead letter was written with the commit that covered it
        self.tracks.rebuild(reading, record.offset)

    def go_live(self) -> None:
        """The windows are rebuilt: from here on records are new."""
        if self._restored is None:
            return
        states, self._restored = self._restored, None
        silent = {asset for asset, state in states.items() if state.silent}
        self.tracks.went_live({asset: state.track for asset, state in states.items()}, silent)

    @property
    def restoring(self) -> bool:
        """Whether the windows are still being rebuilt, or nothing has come since they were."""
        return self._restored is not None and self._rewound

    def remember(self, asset: str, memory: AssetMemory) -> None:
        self.memories[asset] = memory
        self._touched.add(asset)

    def forget(self, asset: str) -> None:
        """An asset is gone: so is its state, unless it has returned by now as a new one."""
        self.memories.pop(asset, None)
        if asset not in self.tracks:
            self._touched.discard(asset)
            self._discarded.add(asset.encode())

    @property
    def changed(self) -> bool:
        untold = self.stopped is not None and not self._stop_committed
        return self._fresh or untold or self.position > self.committed

    def pending(self, model_version: int) -> tuple[list[Output], Position]:
        """What the next commit writes: outputs, the touched assets' state, the head; and the new position."""
        rewind = self.tracks.rewind(self.position)
        metadata = RewindMetadata(
            rw=rewind,
            m=model_version,
            n=self.partitions_at_first,
            dl=True if self.stopped is not None else UNSET,
        )
        head = PartitionHead(
            offset=self.position,
            clock_us=self.tracks.clock_us,
            model_version=model_version,
            interval_us=self._interval_us,
            topic_id=self.topic_id,
            group=self._group,
            dead_letters=self.tally,
        )
        states = [self._state_output(key, None) for key in sorted(self._discarded)]
        states += [
            self._state_output(asset.encode(), encode(self._state(asset))) for asset in sorted(self._touched)
        ]
        states.append(self._state_output(HEAD_KEY, encode(head)))
        return [*self.outputs, *states], Position(self.partition, self.position, encode(metadata).decode())

    def was_committed(self) -> None:
        self.committed = self.position
        self.outputs = []
        self.dead_letters = self.events = 0
        self._touched.clear()
        self._discarded.clear()
        self._fresh = False
        self._stop_committed = self.stopped is not None

    def _state(self, asset: str) -> AssetState:
        return AssetState(
            track=self.tracks.state(asset),
            silent=asset in self.tracks.silent,
            memory=self.memories.get(asset),
        )

    def _state_output(self, key: bytes, value: bytes | None) -> Output:
        return Output(self._state_topic, key, value, partition=self.partition)
