"""Once a second: what a scorer's figures are, and if it scores nothing, why."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from tfstream.app.runtime import metrics
from tfstream.app.runtime.metrics import MetricBoard, Sample
from tfstream.app.scoring.status import IdleReason, ScoringStatus
from tfstream.core.stream import StreamDefinition

if TYPE_CHECKING:
    from tfstream.app.scoring.assigned_partition import AssignedPartition
    from tfstream.app.scoring.episode_tracker import EpisodeTracker
    from tfstream.app.scoring.progress import Progress
    from tfstream.streaming.source import Source

_EVERY_S = 1.0
_IDLE_S = 60.0
_AWAY = "Kafka cannot be reached or does not answer; it goes on by itself when Kafka does"
_AT_THE_LIMIT = "partitions {} stand at the dead-letter limit, and only the others are scored"
_IDLE_ROWS = 5  # a slow stream is idle after so many intervals without a message


class ScorerMonitor:
    """Looks at a running scorer and publishes what it sees."""

    def __init__(
        self,
        definition: StreamDefinition,
        board: MetricBoard,
        not_scoring: ScoringStatus,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._topic = definition.topic
        self._board = board
        self._not_scoring = not_scoring
        self._idle_s = max(_IDLE_S, _IDLE_ROWS * definition.interval_us / 1e6)
        self._look_at = 0.0
        self._windows = self._records = self._commits = 0
        self._heard = clock()
        self._committed_at = 0.0

    @classmethod
    def silent(cls, definition: StreamDefinition) -> ScorerMonitor:
        """One that nobody scrapes: the log still says why nothing is scored."""
        board = MetricBoard()
        return cls(definition, board, ScoringStatus(definition.topic, board))

    def look(
        self,
        progress: Progress,
        source: Source,
        lanes: Mapping[int, AssignedPartition],
        judge: EpisodeTracker,
        *,
        away: bool,
    ) -> None:
        """Called between two batches; does nothing but once a second.

        ``away``: a commit or a restore could not be done and will be tried again.
        """
        now = self._clock()
        if now < self._look_at:
            return
        self._look_at = now + _EVERY_S
        if progress.records != self._records:
            self._heard, self._records = now, progress.records
        if progress.commits != self._commits:
            self._committed_at, self._commits = time.time(), progress.commits
        scored, self._windows = progress.windows > self._windows, progress.windows
        stopped = sorted(partition for partition, lane in lanes.items() if lane.stopped is not None)
        if away or not source.broker_health.connected:
            self._not_scoring.because(IdleReason.BROKER, _AWAY)
        elif stopped:
            self._not_scoring.because(IdleReason.DEAD_LETTER_LIMIT, _AT_THE_LIMIT.format(stopped))
        else:
            self._say_why(None if scored else self._why(source, lanes, judge, now))
        self._board.publish("score", self._samples(progress, source, lanes, judge))

    def _say_why(self, why: tuple[IdleReason, str] | None) -> None:
        if why is None:
            self._not_scoring.scoring()
        else:
            self._not_scoring.because(*why)

    def _why(
        self, source: Source, lanes: Mapping[int, AssignedPartition], judge: EpisodeTracker, now: float
    ) -> tuple[IdleReason, str] | None:
        """The reason, seen from what there is: None while windows are full and readings come."""
        if not source.owned:
            return (
                IdleReason.NO_PARTITIONS,
                "no partition is assigned: the group shares them out just now, or has more members than "
                f"there are partitions (`tfstream check --topic {self._topic}`)",
            )
        if self._is_restoring(source, lanes, judge):
            return IdleReason.RESTORING, "finding its place, and reading again what open windows need"
        if now - self._heard > self._idle_s:
            return IdleReason.NO_MESSAGES, f"no message has come for {self._idle_s:.0f} s; does anybody send?"
        return self._why_no_window(lanes, judge)

    def _is_restoring(
        self, source: Source, lanes: Mapping[int, AssignedPartition], judge: EpisodeTracker
    ) -> bool:
        """Whether a partition is on its way back, and no other has a full window meanwhile."""
        back = [p for p, lane in lanes.items() if not lane.restoring or p in source.at_end]
        on_the_way = len(back) < len(source.owned)
        return on_the_way and (not back or self._fullest(lanes) < judge.champion.detector.window_rows)

    def _fullest(self, lanes: Mapping[int, AssignedPartition]) -> int:
        return max((lane.tracks.fullest for lane in lanes.values()), default=0)

    def _why_no_window(
        self, lanes: Mapping[int, AssignedPartition], judge: EpisodeTracker
    ) -> tuple[IdleReason, str] | None:
        rows = judge.champion.detector.window_rows
        filled = self._fullest(lanes)
        if filled < rows:
            return (
                IdleReason.WINDOWS_FILLING,
                f"the fullest window has {filled} of {rows} rows of {self._interval(judge)}",
            )
        if judge.unscoreable:
            return (
                IdleReason.NO_KNOWN_SENSOR,
                f"no sensor that model version {judge.champion.version} knows says anything; is the stream's "
                f"definition right (`tfstream inspect --topic {self._topic}`)?",
            )
        return None

    def _interval(self, judge: EpisodeTracker) -> str:
        return f"{judge.champion.detector.interval_us / 1e6:g} s"

    def _samples(
        self,
        progress: Progress,
        source: Source,
        lanes: Mapping[int, AssignedPartition],
        judge: EpisodeTracker,
    ) -> list[Sample]:
        own = ("score", self._topic)
        samples = [
            Sample(metrics.MESSAGES, own, progress.records),
            Sample(metrics.WINDOWS, own, progress.windows),
            Sample(metrics.EVENTS, own, progress.events),
            Sample(metrics.DEAD_LETTERS, own, progress.dead_letters),
            Sample(metrics.COMMITS, own, progress.commits),
            Sample(metrics.ABORTED, own, progress.aborted),
            Sample(metrics.LAST_ROUND, own, time.time()),
            Sample(metrics.PARTITIONS, own, len(source.owned)),
            Sample(metrics.MODEL, own, judge.champion.version),
        ]
        if self._committed_at:
            samples.append(Sample(metrics.LAST_COMMIT, own, self._committed_at))
        for partition, lane in lanes.items():
            labels = (*own, str(partition))
            samples.append(Sample(metrics.LAG, labels, source.lag(partition, lane.position)))
            samples.append(Sample(metrics.AT_LIMIT, labels, float(lane.stopped is not None)))
            if lane.tracks.clock_us >= 0:
                samples.append(Sample(metrics.EVENT_TIME, labels, lane.tracks.clock_us / 1e6))
        return samples
