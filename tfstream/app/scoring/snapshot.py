"""What a monitor sees of a running scorer: values of one moment, without the objects behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tfstream.app.detection.champion import Champion
from tfstream.app.scoring.assigned_partition import AssignedPartition
from tfstream.app.scoring.scorer_progress import Progress
from tfstream.streaming.consumer.source import Source


@dataclass(frozen=True, kw_only=True, slots=True)
class PartitionSnapshot:
    """``lag`` in messages, ``fullest_window`` in rows, ``clock_us`` -1 before the first reading.

    ``live`` is true after the rebuild, and for a partition that is read to its end: then no message is left
    that could finish the rebuild.
    """

    live: bool
    stopped: bool
    lag: int
    fullest_window: int
    clock_us: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ScorerSnapshot:
    """Counts, and the state of each partition that is restored; ``assigned`` counts the others, too.

    ``broker_reachable`` is false while the client is not connected, and while a commit or a restore has to be
    tried again.
    """

    progress: Progress
    broker_reachable: bool
    assigned: int
    partitions: Mapping[int, PartitionSnapshot]
    model_version: int
    window_rows: int
    interval_us: int

    @property
    def stopped(self) -> list[int]:
        """The partitions at their dead-letter limit."""
        return sorted(number for number, partition in self.partitions.items() if partition.stopped)

    @property
    def fullest_window(self) -> int:
        """Rows in the fullest window of all assets; at least a window's size once a window is full."""
        return max((partition.fullest_window for partition in self.partitions.values()), default=0)

    @property
    def restoring(self) -> bool:
        """Whether a partition is being restored, while no other partition has a full window."""
        live = sum(partition.live for partition in self.partitions.values())
        return live < self.assigned and (live == 0 or self.fullest_window < self.window_rows)


def take_snapshot(
    progress: Progress,
    source: Source,
    partitions: Mapping[int, AssignedPartition],
    champion: Champion,
    *,
    retrying: bool,
) -> ScorerSnapshot:
    """The scorer as it is now; ``retrying`` while a commit or a restore has to be tried again."""
    return ScorerSnapshot(
        progress=replace(progress),
        broker_reachable=source.broker_health.connected and not retrying,
        assigned=len(source.owned),
        partitions={number: _snapshot_of(source, partition) for number, partition in partitions.items()},
        model_version=champion.version,
        window_rows=champion.detector.window_rows,
        interval_us=champion.detector.interval_us,
    )


def _snapshot_of(source: Source, partition: AssignedPartition) -> PartitionSnapshot:
    number = partition.partition
    return PartitionSnapshot(
        live=not partition.rebuilding or number in source.at_end,
        stopped=partition.stop_reason is not None,
        lag=source.lag(number, partition.position),
        fullest_window=partition.tracks.fullest,
        clock_us=partition.tracks.clock_us,
    )
