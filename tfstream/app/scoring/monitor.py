"""Once a second: the scorer's metrics, and the reason if it scores nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

from tfstream.app.runtime import metrics
from tfstream.app.runtime.metrics import MetricBoard, Sample
from tfstream.app.runtime.scoring_status import IdleReason, ScoringStatus
from tfstream.app.scoring.snapshot import ScorerSnapshot
from tfstream.core.stream import StreamDefinition

_EVERY_S = 1.0
_IDLE_S = 60.0
_IDLE_INTERVALS = 5  # a stream with a long sampling interval is idle after this number of intervals


class ScorerMonitor:
    """Publishes the snapshots of a running scorer, and logs why no window is scored."""

    def __init__(
        self,
        definition: StreamDefinition,
        board: MetricBoard,
        status: ScoringStatus,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._topic = definition.topic
        self._board = board
        self._status = status
        self._idle_s = max(_IDLE_S, _IDLE_INTERVALS * definition.interval_us / 1e6)
        self._due_at = 0.0
        self._windows = self._records = self._commits = 0
        self._last_message_at = clock()
        self._last_commit_time = 0.0  # seconds since 1970

    @classmethod
    def log_only(cls, definition: StreamDefinition) -> ScorerMonitor:
        """A monitor without metrics: the log still gives the reason why nothing is scored."""
        board = MetricBoard()
        return cls(definition, board, ScoringStatus(definition.topic, board))

    def is_due(self) -> bool:
        """Whether a second has passed since the last snapshot."""
        return self._clock() >= self._due_at

    def observe(self, snapshot: ScorerSnapshot) -> None:
        """Publish a snapshot's metrics and the reason why nothing is scored."""
        now, progress = self._clock(), snapshot.progress
        self._due_at = now + _EVERY_S
        if progress.records != self._records:
            self._last_message_at, self._records = now, progress.records
        if progress.commits != self._commits:
            self._last_commit_time, self._commits = time.time(), progress.commits
        scored, self._windows = progress.windows > self._windows, progress.windows
        idle = self._failure(snapshot) or (None if scored else self._wait_reason(snapshot, now))
        if idle is None:
            self._status.report_scoring()
        else:
            self._status.report_idle(*idle)
        self._board.publish("score", self._samples(snapshot))

    def _failure(self, snapshot: ScorerSnapshot) -> tuple[IdleReason, str] | None:
        """What an operator must know even while windows are scored."""
        if not snapshot.broker_reachable:
            return (
                IdleReason.BROKER,
                "Kafka cannot be reached or does not answer; scoring continues when Kafka answers again",
            )
        if snapshot.stopped:
            return (
                IdleReason.DEAD_LETTER_LIMIT,
                f"partitions {snapshot.stopped} stand at the dead-letter limit; only the others are scored",
            )
        return None

    def _wait_reason(self, snapshot: ScorerSnapshot, now: float) -> tuple[IdleReason, str] | None:
        """Why no window was scored; None while windows are full and readings arrive."""
        if not snapshot.assigned:
            return (
                IdleReason.NO_PARTITIONS,
                "no partition is assigned: the group is rebalancing, or it has more members than the topic "
                f"has partitions (`tfstream check --topic {self._topic}`)",
            )
        if snapshot.restoring:
            return IdleReason.RESTORING, "restoring partitions: reading the messages of open windows again"
        if now - self._last_message_at > self._idle_s:
            return IdleReason.NO_MESSAGES, f"no message for {self._idle_s:.0f} s; check the producer"
        return self._no_window_reason(snapshot)

    def _no_window_reason(self, snapshot: ScorerSnapshot) -> tuple[IdleReason, str] | None:
        filled, rows = snapshot.fullest_window, snapshot.window_rows
        if filled < rows:
            interval_s = snapshot.interval_us / 1e6
            return (
                IdleReason.WINDOWS_FILLING,
                f"the fullest window has {filled} of {rows} rows of {interval_s:g} s",
            )
        if snapshot.progress.unscored_windows:
            return (
                IdleReason.NO_KNOWN_SENSOR,
                f"no reading from any sensor that model version {snapshot.model_version} was trained on; "
                f"check the stream's definition (`tfstream inspect --topic {self._topic}`)",
            )
        return None

    def _samples(self, snapshot: ScorerSnapshot) -> list[Sample]:
        labels, progress = ("score", self._topic), snapshot.progress
        samples = [
            Sample(metrics.MESSAGES, labels, progress.records),
            Sample(metrics.WINDOWS, labels, progress.windows),
            Sample(metrics.EVENTS, labels, progress.events),
            Sample(metrics.DEAD_LETTERS, labels, progress.dead_letters),
            Sample(metrics.COMMITS, labels, progress.commits),
            Sample(metrics.ABORTED, labels, progress.aborted),
            Sample(metrics.LAST_ROUND, labels, time.time()),
            Sample(metrics.PARTITIONS, labels, snapshot.assigned),
            Sample(metrics.MODEL, labels, snapshot.model_version),
        ]
        if self._last_commit_time:
            samples.append(Sample(metrics.LAST_COMMIT, labels, self._last_commit_time))
        for number, partition in snapshot.partitions.items():
            own = (*labels, str(number))
            samples.append(Sample(metrics.LAG, own, partition.lag))
            samples.append(Sample(metrics.AT_LIMIT, own, float(partition.stopped)))
            if partition.clock_us >= 0:
                samples.append(Sample(metrics.EVENT_TIME, own, partition.clock_us / 1e6))
        return samples
