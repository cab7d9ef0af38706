"""The record of an asset's witnesses: when a commit writes or removes it, and how it is restored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from tfstream.app.detection.asset_update import AssetUpdate
from tfstream.app.scoring.assigned_partition import AssignedPartition
from tfstream.app.scoring.restore import restore_assets
from tfstream.core.alarms.baseline import Baseline
from tfstream.core.messages.codec import Codec
from tfstream.core.messages.dead_letter_limit import DeadLetterLimit
from tfstream.core.state import HEAD_KEY, AssetMemory, encode, witness_key
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.window import WindowShape
from tfstream.model.witnesses.pyramid import GRID_ROWS
from tfstream.model.witnesses.witness_state import WitnessStates
from tfstream.streaming.records import Record

DEFINITION = StreamDefinition(topic="t", sensors=("a",), interval_us=1_000_000)
CODEC = Codec(DEFINITION)
MEMORY = AssetMemory(
    model_version=1,
    baseline=Baseline(center=0.0, spread=1.0, usual=1.0),
    witnesses=b"levels",
    witness_index=7,
    witness_version=1,
)
SIZING = Path(__file__).parents[4] / "docs" / "operations.md"


def new_partition() -> AssignedPartition:
    return AssignedPartition(0, DEFINITION, WindowShape(8, 4, 4), DeadLetterLimit())


@pytest.fixture
def partition() -> AssignedPartition:
    """A partition with one reading of "x"."""
    partition = new_partition()
    partition.begin(0, [])
    read(partition, 0)
    return partition


def read(partition: AssignedPartition, offset: int) -> None:
    value = json.dumps({"ts": offset, "asset": "x", "a": 1.0}).encode()
    partition.read(Record(0, offset, None, value, None), CODEC)


def commit(partition: AssignedPartition) -> dict[bytes, bytes | None]:
    """The state records of a commit, by key."""
    outputs, _ = partition.commit_outputs(1)
    partition.mark_committed()
    return {output.key or b"": output.value for output in outputs}


def table_of(*commits: dict[bytes, bytes | None]) -> dict[bytes, bytes]:
    """The state topic after compaction."""
    newest = {key: value for records in commits for key, value in records.items()}
    return {key: value for key, value in newest.items() if value is not None}


def test_a_commit_writes_the_witnesses_only_when_they_have_changed(partition: AssignedPartition) -> None:
    partition.apply(AssetUpdate("x", MEMORY), [])
    first = commit(partition)
    assert first[witness_key("x")] == b"levels"
    assert b"levels" not in (first[b"x"] or b"")
    read(partition, 1)
    partition.apply(AssetUpdate("x", replace(MEMORY, terms=(1.0,))), [])
    second = commit(partition)
    assert set(second) == {b"x", HEAD_KEY}
    read(partition, 2)
    partition.apply(AssetUpdate("x", replace(MEMORY, witnesses=b"higher", witness_index=8)), [])
    third = commit(partition)
    assert third[witness_key("x")] == b"higher"
    states, older = restore_assets(table_of(first, second, third))
    assert states["x"].memory == partition.memories["x"]
    assert older == []


def test_the_witnesses_of_a_gone_asset_are_removed(partition: AssignedPartition) -> None:
    partition.apply(AssetUpdate("x", MEMORY), [])
    partition.apply(AssetUpdate("x", None), [])
    assert commit(partition)[witness_key("x")] is None


def test_a_returned_asset_does_not_get_the_witnesses_of_the_gone_asset(partition: AssignedPartition) -> None:
    partition.apply(AssetUpdate("x", MEMORY), [])
    before = commit(partition)
    read(partition, 1)
    partition.apply(AssetUpdate("x", None), [])
    new = replace(MEMORY, witnesses=None, witness_index=-1, witness_version=-1)
    partition.apply(AssetUpdate("x", new), [])
    states, _ = restore_assets(table_of(before, commit(partition)))
    assert states["x"].memory == new


def test_a_record_of_an_older_version_holds_the_witnesses_itself(partition: AssignedPartition) -> None:
    """The next commit writes a record of their own."""
    partition.apply(AssetUpdate("x", MEMORY), [])
    records = commit(partition)
    del records[witness_key("x")]
    state = restore_assets(table_of(records))[0]["x"]
    old = {b"x": encode(replace(state, memory=MEMORY))}
    states, older = restore_assets(old)
    assert (states["x"].memory, older) == (MEMORY, ["x"])
    restored = new_partition()
    restored.restore(states, partition.tracks.clock_us, 1, partition.tally, older)
    for offset in range(2):
        read(restored, offset)
    assert commit(restored)[witness_key("x")] == b"levels"


@pytest.mark.parametrize(("sensors", "size"), [(10, 1_728), (48, 7_200), (127, 18_576), (1_000, 144_288)])
def test_the_record_has_the_documented_size(sensors: int, size: int) -> None:
    """The table of ``docs/operations.md``, for all four grids."""
    states = WitnessStates(GRID_ROWS, sensors, [None])
    for grid in states.grids:
        grid.seen[:] = 1
    assert len(states.encode()[0]) == size
    assert f"| {sensors:,} | {size:,} |" in SIZING.read_text(encoding="utf-8")
