"""A snapshot of a scorer: values of one moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from tfstream.app.detection.champion import Champion
from tfstream.app.scoring.assigned_partition import AssignedPartition
from tfstream.app.scoring.scorer_progress import Progress
from tfstream.app.scoring.snapshot import PartitionSnapshot, ScorerSnapshot, take_snapshot
from tfstream.core.messages.codec import Codec
from tfstream.core.messages.dead_letter_limit import DeadLetterLimit
from tfstream.core.state import decode_asset
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.window import WindowShape
from tfstream.streaming.connection.broker_health import BrokerHealth
from tfstream.streaming.records import Record

DEFINITION = StreamDefinition(topic="t", sensors=("a",), interval_us=1_000_000)
CODEC = Codec(DEFINITION)
SHAPE = WindowShape(rows=8, hop=4, step=4)
CHAMPION = Champion(cast(Any, SimpleNamespace(window_rows=8, interval_us=1_000_000)), 3, "")


@dataclass
class FakeSource:
    """A source of two partitions."""

    owned: set[int] = field(default_factory=lambda: {0, 1})
    broker_health: BrokerHealth = field(default_factory=BrokerHealth)
    at_end: dict[int, int] = field(default_factory=dict)

    def lag(self, partition: int, position: int) -> int:
        return 100 - position


def read(partition: AssignedPartition, rows: int) -> None:
    for offset in range(partition.position, partition.position + rows):
        body = b'{"ts": %d, "asset": "x", "a": 1}' % offset
        partition.read(Record(partition.partition, offset, None, body, None), CODEC)


def new_partition(number: int, limit: DeadLetterLimit | None = None) -> AssignedPartition:
    return AssignedPartition(number, DEFINITION, SHAPE, limit or DeadLetterLimit())


def snapshot(
    source: FakeSource,
    *partitions: AssignedPartition,
    progress: Progress | None = None,
    retrying: bool = False,
) -> ScorerSnapshot:
    return take_snapshot(
        progress or Progress(),
        cast(Any, source),
        {partition.partition: partition for partition in partitions},
        CHAMPION,
        retrying=retrying,
    )


def test_a_snapshot_has_the_values_of_every_partition() -> None:
    partition = new_partition(0)
    read(partition, 5)
    taken = snapshot(FakeSource(), partition)
    assert taken.partitions == {
        0: PartitionSnapshot(live=True, stopped=False, lag=95, fullest_window=5, clock_us=4_000_000)
    }
    assert (taken.assigned, taken.model_version, taken.window_rows, taken.fullest_window) == (2, 3, 8, 5)
    assert taken.restoring  # partition 1 is assigned and not restored yet


def test_later_counts_do_not_change_a_snapshot() -> None:
    progress = Progress(records=1)
    taken = snapshot(FakeSource(), progress=progress)
    progress.records = 2
    assert taken.progress.records == 1


def test_the_broker_is_reachable_while_the_client_is_connected_and_nothing_is_retried() -> None:
    source = FakeSource()
    assert snapshot(source).broker_reachable
    assert not snapshot(source, retrying=True).broker_reachable
    source.broker_health.connected = False
    assert not snapshot(source).broker_reachable


def test_a_rebuilding_partition_is_live_at_the_end_of_its_messages() -> None:
    before, restored = new_partition(1), new_partition(1)
    read(before, 5)
    outputs, _ = before.commit_outputs(1)
    states = {"x": decode_asset(next(output.value or b"" for output in outputs if output.key == b"x"))}
    restored.restore(states, before.tracks.clock_us, 5, before.tally)
    source = FakeSource()
    other = new_partition(0)
    assert not snapshot(source, other, restored).partitions[1].live
    assert snapshot(source, other, restored).restoring
    source.at_end[1] = 5
    assert snapshot(source, other, restored).partitions[1].live
    assert not snapshot(source, other, restored).restoring


def test_a_stopped_partition_is_named() -> None:
    partition = new_partition(1, DeadLetterLimit(run=1))
    partition.begin(0, [])
    for offset in range(2):
        partition.read(Record(1, offset, None, b"{", None), CODEC)
    assert snapshot(FakeSource(), new_partition(0), partition).stopped == [1]
