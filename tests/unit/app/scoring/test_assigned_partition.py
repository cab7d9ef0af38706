"""What a partition's next commit writes: of an asset that is gone, and where it stands at its limit."""

from __future__ import annotations

import json

from tfstream.app.scoring.assigned_partition import AssignedPartition
from tfstream.core.alarms.baseline import Baseline
from tfstream.core.messages.codec import Codec
from tfstream.core.messages.dead_letter_limit import DeadLetterLimit
from tfstream.core.state import AssetMemory, RewindMetadata, decode_metadata
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.partition_tracks import AssetGone
from tfstream.core.windowing.window import WindowShape
from tfstream.streaming.records import Record

DEFINITION = StreamDefinition(topic="t", sensors=("a",), interval_us=1_000_000)
CODEC = Codec(DEFINITION)
MEMORY = AssetMemory(model_version=1, baseline=Baseline(center=0.0, spread=1.0, usual=1.0))
MONTH_S = 30 * 24 * 3600


def lane_with(*messages: tuple[str, int]) -> AssignedPartition:
    """A lane that has read readings of (asset, second), and in one batch with them the end of "x"."""
    lane = AssignedPartition(0, DEFINITION, WindowShape(8, 4), DeadLetterLimit())
    lane.begin(0, [])
    gone = []
    for offset, (asset, second) in enumerate(messages):
        value = json.dumps({"ts": second, "asset": asset, "a": 1.0}).encode()
        found = lane.read(Record(0, offset, None, value, second * 1000), CODEC)
        gone += [one.asset for one in found if isinstance(one, AssetGone)]
    assert gone == ["x"]
    lane.remember("x", MEMORY)  # its silence is judged only now, and so is its end
    lane.forget("x")
    return lane


def last_state(lane: AssignedPartition) -> dict[bytes | None, bytes | None]:
    outputs, _ = lane.pending(1)
    return {output.key: output.value for output in outputs}


def test_its_state_is_removed() -> None:
    lane = lane_with(("x", MONTH_S), ("y", MONTH_S), ("y", 2 * MONTH_S))
    assert last_state(lane)[b"x"] is None
    assert "x" not in lane.memories
    lane.was_committed()
    assert b"x" not in last_state(lane)


def test_one_that_has_returned_is_a_new_one() -> None:
    lane = lane_with(("x", MONTH_S), ("y", MONTH_S), ("y", 2 * MONTH_S), ("x", 2 * MONTH_S))
    assert last_state(lane)[b"x"] is not None
    assert "x" not in lane.memories


def metadata(lane: AssignedPartition) -> RewindMetadata | None:
    _, position = lane.pending(1)
    assert position.offset == 2
    return decode_metadata(position.metadata)


def test_a_stop_is_committed_once_and_moves_nothing() -> None:
    lane = AssignedPartition(0, DEFINITION, WindowShape(8, 4), DeadLetterLimit(run=2))
    lane.begin(0, [])
    for offset in range(2):
        lane.read(Record(0, offset, None, b"{", None), CODEC)
    assert metadata(lane) == RewindMetadata(rw=2, m=1)
    lane.was_committed()
    assert not changed(lane)
    for offset in range(2, 5):
        lane.read(Record(0, offset, None, b"{", None), CODEC)
    assert changed(lane)
    assert metadata(lane) == RewindMetadata(rw=2, m=1, dl=True)
    lane.was_committed()
    assert not changed(lane)


def changed(lane: AssignedPartition) -> bool:
    return lane.changed
