"""The phases of a partition, and what its next commit writes."""

from __future__ import annotations

import json

from tfstream.app.detection.asset_update import AssetUpdate
from tfstream.app.scoring.assigned_partition import AssignedPartition
from tfstream.app.scoring.partition_phase import Live, Phase, Rebuilding, Stopped
from tfstream.core.alarms.baseline import Baseline
from tfstream.core.messages.codec import Codec
from tfstream.core.messages.dead_letter_limit import DeadLetterLimit
from tfstream.core.state import (
    HEAD_KEY,
    AssetMemory,
    RewindMetadata,
    decode_asset,
    decode_head,
    decode_metadata,
)
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.partition_tracks import AssetForgotten
from tfstream.core.windowing.window import WindowShape
from tfstream.streaming.records import Record

DEFINITION = StreamDefinition(topic="t", sensors=("a",), interval_us=1_000_000)
CODEC = Codec(DEFINITION)
MEMORY = AssetMemory(model_version=1, baseline=Baseline(center=0.0, spread=1.0, usual=1.0))
MONTH_S = 30 * 24 * 3600
UNREADABLE = b"{"


def new_partition(limit: DeadLetterLimit | None = None) -> AssignedPartition:
    return AssignedPartition(
        0,
        DEFINITION,
        WindowShape(8, 4, 4),
        limit or DeadLetterLimit(),
        group="g",
        topic_id="id",
        partitions_at_first=3,
    )


def reading(asset: str, second: int) -> bytes:
    return json.dumps({"ts": second, "asset": asset, "a": 1.0}).encode()


def partition_with(*messages: tuple[str, int]) -> AssignedPartition:
    """A partition after one batch of readings (asset, second) in which the asset "x" is gone."""
    partition = new_partition()
    partition.begin(0, [])
    gone = []
    for offset, (asset, second) in enumerate(messages):
        events = partition.read(Record(0, offset, None, reading(asset, second), second * 1000), CODEC)
        gone += [event.asset for event in events if isinstance(event, AssetForgotten)]
    assert gone == ["x"]
    partition.apply(AssetUpdate("x", MEMORY), [])  # updates are applied after the whole batch is read
    partition.apply(AssetUpdate("x", None), [])
    return partition


def last_state(partition: AssignedPartition) -> dict[bytes | None, bytes | None]:
    outputs, _ = partition.commit_outputs(1)
    return {output.key: output.value for output in outputs}


def test_the_state_of_a_gone_asset_is_removed() -> None:
    partition = partition_with(("x", MONTH_S), ("y", MONTH_S), ("y", 2 * MONTH_S))
    assert last_state(partition)[b"x"] is None
    assert "x" not in partition.memories
    partition.mark_committed()
    assert b"x" not in last_state(partition)


def test_an_asset_that_has_returned_is_a_new_asset() -> None:
    partition = partition_with(("x", MONTH_S), ("y", MONTH_S), ("y", 2 * MONTH_S), ("x", 2 * MONTH_S))
    assert last_state(partition)[b"x"] is not None
    assert "x" not in partition.memories


def metadata(partition: AssignedPartition) -> RewindMetadata | None:
    _, position = partition.commit_outputs(1)
    assert position.offset == 2
    return decode_metadata(position.metadata)


def test_a_stop_is_committed_once_and_moves_nothing() -> None:
    partition = new_partition(DeadLetterLimit(run=2))
    partition.begin(0, [])
    for offset in range(2):
        partition.read(Record(0, offset, None, UNREADABLE, None), CODEC)
    assert metadata(partition) == RewindMetadata(rewind_offset=2, model_version=1, partitions_at_first=3)
    partition.mark_committed()
    assert not has_changes(partition)
    for offset in range(2, 5):
        partition.read(Record(0, offset, None, UNREADABLE, None), CODEC)
    assert has_changes(partition)
    assert metadata(partition) == RewindMetadata(
        rewind_offset=2, model_version=1, partitions_at_first=3, at_dead_letter_limit=True
    )
    partition.mark_committed()
    assert not has_changes(partition)


def has_changes(partition: AssignedPartition) -> bool:
    return partition.has_changes


def phase(partition: AssignedPartition) -> Phase:
    return partition.phase


def test_a_new_partition_is_live_and_commits_its_start() -> None:
    partition = new_partition()
    assert partition.begin(5, [b"old", HEAD_KEY]) == 5
    assert partition.phase == Live()
    assert partition.has_changes
    state = last_state(partition)
    assert state[b"old"] is None
    head = decode_head(state[HEAD_KEY] or b"")
    assert (head.offset, head.topic_id, head.group) == (5, "id", "g")
    partition.mark_committed()
    assert not has_changes(partition)


def test_a_restored_partition_is_rebuilding_until_a_new_message_comes() -> None:
    before = new_partition()
    before.begin(0, [])
    for offset in range(6):
        before.read(Record(0, offset, None, reading("x", offset), None), CODEC)
    states = {"x": decode_asset(last_state(before)[b"x"] or b"")}
    restored = new_partition(DeadLetterLimit(run=0, share=0.0))
    start = restored.restore(states, before.tracks.clock_us, 6, before.tally)
    assert (start, phase(restored)) == (0, Rebuilding(states))
    for offset in range(6):
        assert restored.read(Record(0, offset, None, reading("x", offset), None), CODEC) == []
    assert restored.rebuilding
    assert not restored.has_changes
    restored.read(Record(0, 6, None, reading("x", 6), None), CODEC)
    assert phase(restored) == Live()
    assert (restored.position, restored.tracks.fullest) == (7, 7)


def test_without_messages_to_read_again_a_restored_partition_is_live() -> None:
    partition = new_partition()
    assert partition.restore({}, 10, 4, partition.tally) == 4
    assert phase(partition) == Live()
    assert not partition.has_changes


def test_a_stopped_partition_reads_nothing_more() -> None:
    partition = new_partition(DeadLetterLimit(run=1))
    partition.begin(0, [])
    for offset in range(2):
        partition.read(Record(0, offset, None, UNREADABLE, None), CODEC)
    assert isinstance(partition.phase, Stopped)
    assert partition.stop_reason == partition.phase.reason
    assert (
        "partition 0 of t, offset 1: more than 1 messages in a row cannot be read" in partition.phase.reason
    )
    assert partition.read(Record(0, 2, None, reading("x", 2), None), CODEC) == []
    assert partition.position == 1
