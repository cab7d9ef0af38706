"""One rescored hop in figures: the terms of its score, its sensors, the hops before and after it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tfstream.app.detection.asset_update import ScoredWindow
from tfstream.app.detection.window_evidence import WindowExplainer
from tfstream.app.history.explanation import (
    Explanation,
    HopLine,
    RescoreSummary,
    ScoreLevel,
    TermLine,
)
from tfstream.app.history.hop_outcome import hop_outcome
from tfstream.app.history.rescore_and_compare import RescoredHistory
from tfstream.app.history.seen_at_hop import seen_at_hop
from tfstream.app.history.stored_hop import StoredHop
from tfstream.core.alarms.alarm_rule import AlarmRule
from tfstream.core.alarms.judgement import Judgement
from tfstream.core.messages.anomaly_event import SensorShare, iso
from tfstream.core.messages.witness import Witness
from tfstream.model.scoring.terms import TERMS

_LISTED_HOPS = 6  # before the hop, and after it
_MEASURES = {
    "V": "one-step prediction",
    "P": "distance to the nearest training rows",
    "R": "spectrum of the prediction",
    "T": "reconstruction in time",
    "F": "reconstruction in frequency",
    "X": "the two reconstructions against each other",
    "Mj": "distance to the nearest training window",
    "Mx": "distance across the two domains",
    "N": "disagreement between time and frequency",
}


def is_about_instruments(stored: StoredHop) -> bool:
    """Whether the hop is explained for an alarm that the checks of instruments raised."""
    return stored.alarm is not None and stored.alarm.witness == Witness.INSTRUMENT


def explained_judgement(stored: StoredHop, hop: ScoredWindow) -> Judgement | None:
    """The judgement to explain: that of the alarm's own witness where instruments raised it."""
    if is_about_instruments(stored) and hop.instruments is not None:
        return hop.instruments
    return hop.judgement


class ExplainedHop:
    """The hop to explain as rescoring computed it; ``hop`` is None where no window ends there.

    It is a row between two hops where another witness than the score had its peak there.
    """

    def __init__(self, stored: StoredHop, rule: AlarmRule, hop: ScoredWindow | None) -> None:
        self._stored, self._rule, self._hop = stored, rule, hop
        self._detector = stored.champion.detector
        self._judgement = judgement = None if hop is None else explained_judgement(stored, hop)
        self.score = None if judgement is None else judgement.value
        self.threshold = None if judgement is None else judgement.threshold

    def explanation(
        self, history: RescoredHistory, summary: RescoreSummary, findings: tuple[str, ...]
    ) -> Explanation:
        """All figures of the hop, beside ``findings``."""
        stored, recorded, judgement = self._stored, self._stored.recorded, self._judgement
        sensors = self._sensors()
        same = None
        if recorded is not None:
            same = (recorded.score, recorded.threshold) == (self.score, self.threshold)
        return Explanation(
            topic=stored.stream.definition.topic,
            asset=stored.asset,
            since=iso(stored.start_us),
            until=iso(stored.until_us),
            anomaly_id=None if stored.alarm is None else str(stored.alarm.id),
            verdict=None if stored.alarm is None else stored.alarm.verdict,
            score=self.score,
            threshold=self.threshold,
            told=recorded,
            exact=same,
            budget_per_week=self._rule.budget_per_week,
            expected_per_week=None if judgement is None else judgement.expected_per_week,
            witness=None if judgement is None else judgement.witness,
            scale_s=None if judgement is None else judgement.scale_s,
            reason=None if judgement is None else seen_at_hop(stored, judgement, sensors),
            findings=findings,
            level=self._level(),
            masked=self._masked(),
            terms=tuple(self._terms()),
            sensors=sensors,
            hops=tuple(self._hops(history)),
            replay=summary,
        )

    def _level(self) -> ScoreLevel | None:
        hop = self._hop
        if hop is None or hop.scored is None or hop.judgement is None:
            return None
        level = hop.before.high_score
        baseline = (level and level.baseline) or hop.before.baseline
        judgement = self._rule.judge(hop.scored.score, baseline)
        return ScoreLevel(
            value=judgement.value,
            raw=hop.scored.score,
            usual=baseline.center,
            spread=baseline.spread,
            alarm=baseline.center + judgement.threshold * baseline.spread,
        )

    def _masked(self) -> tuple[str, ...]:
        """Sensors with a gap in the rows that are compared with predictions, sensors without a value in
        training, and sensors that are out.
        """
        if self._hop is None:
            return ()
        recent = self._hop.window.values[-self._detector.config.band_rows :]
        known = ~np.isnan(recent).any(axis=0) & self._detector.live
        names = self._detector.definition_sensors
        return tuple(name for i, name in enumerate(names) if not known[i] or name in self._hop.out)

    def _terms(self) -> Iterator[TermLine]:
        """The terms whose sum is the raw score, the largest part first."""
        if self._hop is None or self._hop.scored is None:
            return
        scored, fusion = self._hop.scored, self._detector.fusion
        smoothed = np.array([scored.terms.values])
        measured = self._detector.measure(scored.window[None], [scored.asset])
        usual, missing = (part.astype(np.float64) for part in (measured.usual, measured.missing))
        values, parts = fusion.explained(smoothed, usual, missing)
        medians = np.exp(fusion.median)
        for i in np.argsort(-parts[0], kind="stable").tolist():
            yield TermLine(
                term=TERMS[i],
                looks_at=_MEASURES[TERMS[i]],
                value=float(values[0, i]),
                usual=float(medians[i]),
                adds=float(parts[0, i]),
            )

    def _sensors(self) -> tuple[SensorShare, ...]:
        """The sensors that the explained witness names; the score's sensors where it names none."""
        hop = self._hop
        if hop is None:
            return ()
        if is_about_instruments(self._stored) and hop.instruments is not None:
            episode = hop.after.instrument_episode
            return () if episode is None else episode.sensors
        sensors = hop.evidence.sensors()
        if sensors or hop.scored is None:
            return sensors
        return WindowExplainer(self._stored.stream.definition, self._detector).sensors(hop.scored)

    def _hops(self, history: RescoredHistory) -> Iterator[HopLine]:
        """The hops around, and of the rows between hops those that raised an alarm and the explained row."""
        hop_us, until_us = self._stored.hop_us, self._stored.until_us
        last_us = until_us // hop_us * hop_us + _LISTED_HOPS * hop_us
        first_us = last_us - 2 * _LISTED_HOPS * hop_us
        ends = {*range(first_us, last_us + 1, hop_us), until_us}
        ends.update(
            end_us
            for end_us, row in history.between_hops.items()
            if first_us <= end_us <= last_us and row.opens_episode
        )
        for end_us in sorted(ends):
            hop = history.at(end_us)
            if hop is None:
                continue
            judgement = hop.judgement or hop.instruments
            yield HopLine(
                until=iso(end_us),
                score=None if judgement is None else judgement.value,
                threshold=None if judgement is None else judgement.threshold,
                expected_per_week=None if judgement is None else judgement.expected_per_week,
                witness=None if judgement is None else judgement.witness,
                verdict=hop_outcome(hop, self._rule),
            )
