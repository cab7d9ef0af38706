"""From scores to alarms: what an asset's next score does to its baseline and to its open episode.

One rule for the stream, the demo and every look back: they differ only in where scores come from and in who
is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from tfstream.core.alarms import episode as episodes
from tfstream.core.alarms.baseline import Baseline
from tfstream.core.alarms.calibration import Calibration, Judgement, judge
from tfstream.core.alarms.episode import Episode, EpisodeEvent, HopEvidence, Observation
from tfstream.core.messages.anomaly_event import rounded


class Hop(NamedTuple):
    """Where a score comes from: the last row of its window, and the offsets of the newest hop."""

    end_index: int
    first_offset: int
    last_offset: int


class AlarmState(NamedTuple):
    """How an asset stands between two scores."""

    baseline: Baseline
    episode: Episode | None


@dataclass(frozen=True, kw_only=True)
class AlarmRule:
    """A calibration under an alarm budget, for hops of ``hop_rows`` rows of ``interval_us`` each.

    An episode opens once the score has stood over the threshold for ``min_duration_us`` in unbroken hops:
    with none, at the first of them.
    """

    calibration: Calibration
    budget_per_week: float
    interval_us: int
    hop_rows: int
    min_duration_us: int = 0

    @property
    def cooldown_us(self) -> int:
        """How long an episode outlives its lower level: within it the calibration counted one cluster."""
        return self.calibration.separation_rows * self.interval_us

    def judge(self, score: float, baseline: Baseline) -> Judgement:
        """A score against the budget."""
        return judge(score, baseline, self.calibration, self.budget_per_week)

    def follow(
        self,
        standing: AlarmState,
        score: float,
        judgement: Judgement,
        hop: Hop,
        testimony: HopEvidence,
    ) -> tuple[AlarmState, EpisodeEvent | None]:
        """How the asset stands after a judged score, and the event to be told.

        The baseline follows quiet scores only: a fault must never become the new normal.
        """
        episode, told = self._episode(standing.episode, self._observation(judgement, hop), testimony)
        quiet = episode is None and not judgement.exceeds
        baseline = standing.baseline.updated(score) if quiet else standing.baseline
        return AlarmState(baseline, episode), told

    def _episode(
        self, episode: Episode | None, seen: Observation, testimony: HopEvidence
    ) -> tuple[Episode | None, EpisodeEvent | None]:
        """The asset's pending or open episode after this hop."""
        if episode is not None and not episode.pending:
            return episodes.go_on(episode, seen, testimony, self.cooldown_us)
        if seen.score < seen.threshold:
            return None, None
        return episodes.exceed(episode, seen, testimony.sensors(), self.min_duration_us)

    def _observation(self, judgement: Judgement, hop: Hop) -> Observation:
        return Observation(
            start_us=(hop.end_index + 1 - self.hop_rows) * self.interval_us,
            end_us=(hop.end_index + 1) * self.interval_us,
            score=rounded(judgement.value),
            threshold=rounded(judgement.threshold),
            hold=(self.calibration.u + judgement.threshold) / 2,
            expected_per_week=rounded(judgement.expected_per_week),
            extrapolated=self.calibration.extrapolated(self.budget_per_week),
            first_offset=hop.first_offset,
            last_offset=hop.last_offset,
        )
