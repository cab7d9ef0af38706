"""The reason why nothing is scored, from the snapshots of a scorer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tfstream.app.runtime import metrics
from tfstream.app.runtime.metrics import MetricBoard
from tfstream.app.runtime.scoring_status import IdleReason, ScoringStatus
from tfstream.app.scoring.monitor import ScorerMonitor
from tfstream.app.scoring.scorer_progress import Progress
from tfstream.app.scoring.snapshot import PartitionSnapshot, ScorerSnapshot
from tfstream.core.stream import StreamDefinition

DEFINITION = StreamDefinition(topic="t", sensors=("a",), interval_us=1_000_000)
PARTITION = PartitionSnapshot(live=True, stopped=False, lag=0, fullest_window=0, clock_us=-1)
FULL = replace(PARTITION, fullest_window=9)
SNAPSHOT = ScorerSnapshot(
    progress=Progress(),
    broker_reachable=True,
    assigned=1,
    partitions={0: PARTITION},
    model_version=3,
    window_rows=8,
    interval_us=1_000_000,
)


class MonitorSetup:
    """A monitor of a scorer with one partition, and a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.board = MetricBoard()
        self.status = ScoringStatus("t", self.board, lambda: self.now)
        self.monitor = ScorerMonitor(DEFINITION, self.board, self.status, lambda: self.now)
        self.progress = Progress()

    def reason(self, *, after_s: float = 1.0, **changes: Any) -> IdleReason | None:
        """The reason after one more snapshot, with changes to a scorer whose windows are empty."""
        self.now += after_s
        self.monitor.observe(replace(SNAPSHOT, progress=replace(self.progress), **changes))
        return self.status.reason

    def values(self, metric: metrics.Metric) -> list[float]:
        return [sample.value for sample in self.board.read() if sample.metric is metric]


@pytest.fixture
def setup() -> MonitorSetup:
    return MonitorSetup()


def test_windows_fill_before_the_scorer_scores(setup: MonitorSetup, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    filling = replace(PARTITION, fullest_window=5)
    assert setup.reason(partitions={0: filling}) is IdleReason.WINDOWS_FILLING
    assert "the fullest window has 5 of 8 rows of 1 s" in caplog.text
    setup.progress.windows = 1
    assert setup.reason(partitions={0: FULL}) is None
    assert setup.reason(partitions={0: FULL}) is None  # between two windows it still scores


def test_a_missing_broker_partition_or_message_is_the_reason(setup: MonitorSetup) -> None:
    full = {0: FULL}
    assert setup.reason(partitions=full, broker_reachable=False) is IdleReason.BROKER
    assert setup.reason(partitions={}, assigned=0) is IdleReason.NO_PARTITIONS
    setup.progress.records = 1
    assert setup.reason(partitions=full) is None
    assert setup.reason(partitions=full, after_s=61.0) is IdleReason.NO_MESSAGES
    setup.progress.records = 2
    assert setup.reason(partitions=full) is None


def test_restoring_is_the_reason_before_windows_filling(setup: MonitorSetup) -> None:
    """The other partition is live and gets no messages."""
    assert setup.reason(assigned=2) is IdleReason.RESTORING  # one partition is not even restored
    rebuilding = replace(FULL, live=False, fullest_window=5)
    assert setup.reason(assigned=2, partitions={0: PARTITION, 1: rebuilding}) is IdleReason.RESTORING
    rebuilt = replace(rebuilding, live=True)
    assert setup.reason(assigned=2, partitions={0: PARTITION, 1: rebuilt}) is IdleReason.WINDOWS_FILLING
    assert setup.reason(assigned=2, partitions={0: FULL, 1: rebuilding}) is None


def test_messages_without_a_sensor_of_the_model_are_the_reason(
    setup: MonitorSetup, caplog: pytest.LogCaptureFixture
) -> None:
    setup.progress.unscored_windows = 2
    assert setup.reason(partitions={0: FULL}) is IdleReason.NO_KNOWN_SENSOR
    assert "no reading from any sensor that model version 3 was trained on" in caplog.text


def test_a_stopped_partition_is_reported_even_if_others_are_scored(
    setup: MonitorSetup, caplog: pytest.LogCaptureFixture
) -> None:
    stopped = replace(FULL, stopped=True)
    setup.progress.windows = 1
    assert setup.reason(partitions={0: stopped}) is IdleReason.DEAD_LETTER_LIMIT
    assert "partitions [0] stand at the dead-letter limit" in caplog.text
    assert setup.values(metrics.AT_LIMIT) == [1.0]
    assert setup.reason(partitions={0: stopped}, broker_reachable=False) is IdleReason.BROKER
    assert setup.reason(partitions={0: FULL}) is None
    assert setup.values(metrics.AT_LIMIT) == [0.0]


def test_the_metrics_of_a_partition_end_with_its_assignment(setup: MonitorSetup) -> None:
    setup.progress.records = 3
    setup.reason(partitions={0: replace(PARTITION, lag=7, clock_us=1_767_600_002_000_000)})
    assert setup.values(metrics.LAG) == [7]
    assert setup.values(metrics.MESSAGES) == [3]
    assert setup.values(metrics.EVENT_TIME) == [1_767_600_002]
    assert setup.values(metrics.LAST_COMMIT) == []
    setup.reason(partitions={}, assigned=0)
    assert setup.values(metrics.LAG) == []


def test_a_snapshot_is_due_once_a_second(setup: MonitorSetup) -> None:
    assert setup.monitor.is_due()
    setup.reason()
    setup.now += 0.5
    assert not setup.monitor.is_due()
    setup.now += 0.6
    assert setup.monitor.is_due()
