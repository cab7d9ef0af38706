"""What an asset's next score does: it changes the baseline, and it opens, extends or closes an episode.

The comparison with the threshold is :attr:`Judgement.exceeds`; what follows from it is in
``episode.py`` and ``continued_episode.py``.

The stream, the demo and every recomputation of history use this one rule. They differ only in where the
scores come from and where the events go.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from tfstream.core.alarms import episode as episodes
from tfstream.core.alarms.baseline import Baseline
from tfstream.core.alarms.calibration import Calibration
from tfstream.core.alarms.continued_episode import continue_episode
from tfstream.core.alarms.episode import Episode, EpisodeEvents, Observation
from tfstream.core.alarms.high_score import FollowedScore, HighScore, follow_score
from tfstream.core.alarms.hop_evidence import HopEvidence
from tfstream.core.alarms.judgement import Judgement, judge_score
from tfstream.core.alarms.standing_episode import (
    NOTHING_STAYS,
    StandingChange,
    Staying,
    begin_to_stand,
    begun_within,
    keep_standing,
)
from tfstream.core.alarms.standing_levels import accepted_after_us
from tfstream.core.alarms.witness_rule import BudgetShares, WitnessRule, budget_shares
from tfstream.core.alarms.witness_tail import WitnessTail
from tfstream.core.messages.anomaly_event import rounded
from tfstream.core.messages.witness import Witness

_SCORE_HOPS = 2
_LONGEST_OPEN = 2  # times the time after which a shift is accepted: a day, in most streams


class Hop(NamedTuple):
    """The ``rows`` newest rows of a window, up to row ``end_index``, and the offsets of its newest hop."""

    end_index: int
    first_offset: int
    last_offset: int
    rows: int


class AlarmState(NamedTuple):
    """What the rule keeps of an asset between two scores."""

    baseline: Baseline
    episode: Episode | None
    standing: tuple[Episode, ...] = ()
    high_score: HighScore | None = None


@dataclass(frozen=True, kw_only=True)
class AlarmRule:
    """A calibration under an alarm budget, for hops of ``hop_rows`` rows of ``interval_us`` each.

    An episode opens once the score has stood over the threshold for ``min_duration_us`` in unbroken hops. If
    ``min_duration_us`` is 0, it opens at the first of these hops. ``instruments`` is true where the checks of
    instruments have their share of the budget.
    """

    calibration: Calibration
    budget_per_week: float
    interval_us: int
    hop_rows: int
    min_duration_us: int = 0
    witnesses: tuple[WitnessTail, ...] = ()
    instruments: bool = False

    @property
    def cooldown_us(self) -> int:
        """The shortest quiet time that closes an episode; the calibration merges clusters within it."""
        return self.calibration.separation_rows * self.interval_us

    @cached_property
    def witness_rule(self) -> WitnessRule:
        """The rule of the witnesses beside the score."""
        return WitnessRule(self.witnesses, self.shares.tail, self.budget_per_week, self.interval_us)

    @property
    def shares(self) -> BudgetShares:
        """How score, witnesses and instruments share the budget."""
        return budget_shares(len(self.witnesses), instruments=self.instruments)

    @property
    def score_threshold(self) -> float:
        """The threshold of the score under its share of the budget, in spreads."""
        return self.calibration.threshold(self.budget_per_week * self.shares.score)

    @property
    def stayed_us(self) -> int:
        """How long an alarm stands before what stays is accepted."""
        return accepted_after_us(self.interval_us)

    def judge(self, score: float, baseline: Baseline) -> Judgement:
        """Compare a score with the threshold of its share of the budget."""
        return judge_score(score, baseline, self.calibration, self.budget_per_week, self.shares.score)

    def judge_next(self, score: float, state: AlarmState, staying: Staying = NOTHING_STAYS) -> Judgement:
        """The judgement of an asset's next score.

        A score that has stayed high is measured from the level at which it stayed. Beside an alarm that
        stands, a score that was high before, or is so because a shift goes home, raises no alarm.
        """
        level = state.high_score or HighScore()
        judgement = self.judge(score, level.baseline or state.baseline)
        known = bool(state.standing) and (level.since_us is not None or staying.returning)
        return judgement._replace(crossing=not known)

    def budget_behind(self, threshold: float, witness: Witness, scale_s: float | None) -> float:
        """The alarm budget that gives a recorded threshold of a witness; 0 where no budget does."""
        if witness is Witness.SCORE:
            return self.calibration.expected_per_week(threshold) / self.shares.score
        return self.witness_rule.budget_behind(threshold, witness, scale_s)

    def thresholds(self, witness: Witness, scale_s: float | None) -> list[float]:
        """The thresholds of a witness at a time scale, as judgements carry them."""
        if witness is Witness.SCORE:
            return [rounded(self.score_threshold)]
        return self.witness_rule.thresholds_of(witness, scale_s)

    def update(
        self,
        state: AlarmState,
        score: float,
        judgement: Judgement,
        hop: Hop,
        evidence: HopEvidence,
        staying: Staying = NOTHING_STAYS,
    ) -> tuple[AlarmState, EpisodeEvents]:
        """The asset's state after a judged hop, and the events to write.

        The baseline follows quiet scores only: a fault must never become the new normal.
        """
        observation = self.observation(judgement, hop)
        level, accepted = self._follow_score(state, score, hop)
        after, events = self._updated(state, observation, evidence)
        quiet = (after.episode is None or after.episode.pending) and not judgement.exceeds and level is None
        baseline = state.baseline.updated(score) if quiet else state.baseline
        after = after._replace(baseline=baseline, high_score=level)
        aged = self._aged(after.episode, observation)
        staying = staying._replace(accepted=staying.accepted or accepted or aged)
        return self._settled(after, staying, observation, events, evidence)

    def update_between_hops(
        self,
        state: AlarmState,
        judgement: Judgement,
        hop: Hop,
        evidence: HopEvidence,
        staying: Staying = NOTHING_STAYS,
    ) -> tuple[AlarmState, EpisodeEvents]:
        """Like :meth:`update`, for rows that have no score: only a witness that speaks changes anything."""
        observation = self.observation(judgement, hop)
        after: AlarmState = state
        events: EpisodeEvents = ()
        if self._changes(state.episode, judgement):
            after, events = self._updated(state, observation, evidence)
        if not staying.accepted:
            return after, events
        change = begin_to_stand(after.episode, after.standing, observation.end_us)
        return after._replace(episode=change.episode, standing=change.standing), (*events, *change.events)

    def _updated(
        self, state: AlarmState, observation: Observation, evidence: HopEvidence
    ) -> tuple[AlarmState, EpisodeEvents]:
        """The state after what the observation does to the pending or open episode."""
        episode, events = self._update_episode(state.episode, observation, evidence)
        events = begun_within(events, state.standing)
        if events and episode is not None and not episode.pending:
            episode = events[-1].episode
        return state._replace(episode=episode), events

    def _follow_score(self, state: AlarmState, score: float, hop: Hop) -> FollowedScore:
        judgement = self.judge_next(score, state)
        return follow_score(
            state.high_score,
            score,
            state.baseline,
            exceeds=judgement.exceeds,
            holds=judgement.keeps_open,
            quiet=judgement.hold,
            span_us=self._span_us(hop),
            stayed_us=self.stayed_us,
        )

    def _aged(self, episode: Episode | None, hop: Observation) -> bool:
        """Whether an alarm has stood for so long that it may hide no other alarm, whoever keeps it open."""
        if episode is None or episode.pending:
            return False
        return hop.end_us - episode.started_us >= _LONGEST_OPEN * self.stayed_us

    def _settled(
        self,
        state: AlarmState,
        staying: Staying,
        hop: Observation,
        events: EpisodeEvents,
        evidence: HopEvidence,
    ) -> tuple[AlarmState, EpisodeEvents]:
        """The state after an alarm begins to stand, or those that stand end."""
        change = StandingChange(state.episode, state.standing)
        if staying.accepted:
            change = begin_to_stand(state.episode, state.standing, hop.end_us)
        elif state.standing:
            away = staying.away or (state.high_score is not None and state.high_score.baseline is not None)
            away = away or any(evidence.departs(each.main_sensors) for each in state.standing)
            change = keep_standing(state.episode, state.standing, hop.end_us, away=away)
        after = state._replace(episode=change.episode, standing=change.standing)
        return after, (*events, *change.events)

    def _update_episode(
        self, episode: Episode | None, observation: Observation, evidence: HopEvidence
    ) -> tuple[Episode | None, EpisodeEvents]:
        """The asset's pending or open episode after this hop."""
        if episode is not None and not episode.pending:
            return continue_episode(episode, observation, evidence, self.cooldown_us, self.min_duration_us)
        if not self._starts(episode, observation.judgement):
            return episodes.still_pending(episode, observation, self.min_duration_us), ()
        return episodes.start_episode(episode, observation, evidence.sensors(), self.min_duration_us)

    def _changes(self, episode: Episode | None, judgement: Judgement) -> bool:
        if episode is None or episode.pending:
            return self._starts(episode, judgement)
        return judgement.keeps_open

    def _starts(self, pending: Episode | None, judgement: Judgement) -> bool:
        """Whether a judgement begins an episode, or goes on with a pending episode."""
        return judgement.opens if pending is None else judgement.exceeds

    def _span_us(self, hop: Hop) -> tuple[int, int]:
        end = hop.end_index + 1
        return (end - hop.rows) * self.interval_us, end * self.interval_us

    def observation(self, judgement: Judgement, hop: Hop) -> Observation:
        """What an episode needs of a judged hop, in event time."""
        start_us, end_us = self._span_us(hop)
        return Observation(
            start_us=start_us,
            end_us=end_us,
            judgement=judgement,
            scale_us=self._scale_us(judgement),
            first_offset=hop.first_offset,
            last_offset=hop.last_offset,
        )

    def _scale_us(self, judgement: Judgement) -> int:
        """The time that the judgement looks at; the score looks at its newest two hops."""
        if judgement.scale_s is None:
            return _SCORE_HOPS * self.hop_rows * self.interval_us
        return round(judgement.scale_s * 1e6)
