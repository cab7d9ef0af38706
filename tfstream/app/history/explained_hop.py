"""One hop, computed again: what its score is made of, who is to blame, what came before and after it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tfstream.app.history.explanation import (
    Explanation,
    HopLine,
    RecordedScore,
    RescoreSummary,
    ScoreLevel,
    TermLine,
)
from tfstream.app.history.hop_outcome import hop_outcome
from tfstream.app.history.reasons import ExplainedMoment
from tfstream.app.history.score_history import ScoreHistory
from tfstream.app.scoring.episode_tracker import ScoredWindow
from tfstream.app.scoring.event_builder import EventBuilder
from tfstream.app.scoring.score_batch import Champion
from tfstream.core.alarms.alarm_rule import AlarmRule
from tfstream.core.messages.anomaly_event import SensorShare, iso
from tfstream.model.scoring.terms import TERMS
from tfstream.storage.anomalies import AnomalyRow

_AROUND_HOPS = 6
_LOOKS_AT = {
    "V": "one-step prediction",
    "P": "distance to the nearest rows learnt",
    "R": "spectrum of the prediction",
    "T": "reconstruction in time",
    "F": "reconstruction in frequency",
    "X": "the two reconstructions against each other",
    "Mj": "distance to the nearest window learnt",
    "Mx": "distance across the two domains",
    "N": "time and frequency do not tell the same",
}


class ExplainedHop:
    """The hop of a moment as the judge had it, or that there was none."""

    def __init__(
        self, champion: Champion, rule: AlarmRule, moment: ExplainedMoment, judged: ScoredWindow | None
    ) -> None:
        self._champion, self._rule, self._moment, self._judged = champion, rule, moment, judged
        judgement = judged.judgement if judged else None
        self.score = None if judgement is None else judgement.value
        self.threshold = None if judgement is None else judgement.threshold
        self._expected = None if judgement is None else judgement.expected_per_week

    def explanation(
        self,
        told: RecordedScore | None,
        row: AnomalyRow | None,
        trail: ScoreHistory,
        replay: RescoreSummary,
        findings: tuple[str, ...],
    ) -> Explanation:
        moment, detector = self._moment, self._champion.detector
        hop_us = detector.hop_rows * self._rule.interval_us
        exact = None if told is None else (told.score, told.threshold) == (self.score, self.threshold)
        return Explanation(
            topic=moment.stream.definition.topic,
            asset=moment.asset,
            since=iso(moment.until_us - hop_us),
            until=iso(moment.until_us),
            anomaly_id=None if row is None else str(row.id),
            verdict=None if row is None else row.verdict,
            score=self.score,
            threshold=self.threshold,
            told=told,
            exact=exact,
            budget_per_week=self._rule.budget_per_week,
            expected_per_week=self._expected,
            findings=findings,
            level=self._level(),
            masked=self._masked(),
            terms=tuple(self._terms()),
            sensors=self._sensors(),
            hops=tuple(self._hops(trail, hop_us)),
            replay=replay,
        )

    def _level(self) -> ScoreLevel | None:
        judged = self._judged
        if judged is None or judged.scored is None or judged.judgement is None:
            return None
        baseline, rule = judged.before.baseline, self._rule
        threshold = rule.calibration.threshold(rule.budget_per_week)
        return ScoreLevel(
            raw=judged.scored.score,
            usual=baseline.center,
            spread=baseline.spread,
            alarm=baseline.center + threshold * baseline.spread,
        )

    def _masked(self) -> tuple[str, ...]:
        """Sensors with a gap in the rows that errors are taken on, and those that were dead in training."""
        if self._judged is None:
            return ()
        detector = self._champion.detector
        recent = self._judged.window.values[-detector.config.band_rows :]
        known = ~np.isnan(recent).any(axis=0) & detector.live
        return tuple(detector.definition_sensors[i] for i in np.flatnonzero(~known))

    def _terms(self) -> Iterator[TermLine]:
        """What the raw score is the sum of, the most first."""
        judged, detector = self._judged, self._champion.detector
        if judged is None or judged.scored is None:
            return
        scored = judged.scored
        followed = np.array([scored.terms.values])
        usual = detector.measure(scored.window[None], [scored.asset]).usual.astype(np.float64)
        values, adds = detector.fusion.explained(followed, usual)
        center = np.exp(detector.fusion.median)
        for i in np.argsort(-adds[0], kind="stable").tolist():
            name = TERMS[i]
            value, often, part = float(values[0, i]), float(center[i]), float(adds[0, i])
            yield TermLine(term=name, looks_at=_LOOKS_AT[name], value=value, usual=often, adds=part)

    def _sensors(self) -> tuple[SensorShare, ...]:
        """Who is to blame for this hop."""
        if self._judged is None or self._judged.scored is None:
            return ()
        return EventBuilder(self._moment.stream.definition, self._champion).sensors(self._judged.scored)

    def _hops(self, trail: ScoreHistory, hop_us: int) -> Iterator[HopLine]:
        at_us = self._moment.until_us
        for end_us in range(at_us - _AROUND_HOPS * hop_us, at_us + (_AROUND_HOPS + 1) * hop_us, hop_us):
            judged = trail.around.get(end_us)
            if judged is None:
                continue
            judgement = judged.judgement
            yield HopLine(
                until=iso(end_us),
                score=None if judgement is None else judgement.value,
                threshold=None if judgement is None else judgement.threshold,
                verdict=hop_outcome(judged, self._rule),
            )
