"""The alarms that scores alone would raise: for tests and studies of the rule without other witnesses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tfstream.app.detection.score_batch import SmoothedTerms, WindowScore
from tfstream.app.detection.score_series import HopScores
from tfstream.app.detection.window_evidence import WindowExplainer
from tfstream.core.alarms.alarm_rule import AlarmRule, AlarmState, Hop
from tfstream.core.alarms.episode import Episode
from tfstream.core.alarms.hop_evidence import HopEvidence, NoEvidence
from tfstream.core.alarms.raised_alarm import RaisedAlarm
from tfstream.core.messages.anomaly_event import EventType
from tfstream.core.quality.event_quality import Alarm
from tfstream.core.reading import Values
from tfstream.core.stream import StreamDefinition
from tfstream.model.scoring.detector import Detector
from tfstream.model.witnesses.witness_model import WitnessModel


class SeriesEvidence:
    """Evidence about the windows of ``values [rows, sensors]``, by their last row, without witnesses."""

    def __init__(self, definition: StreamDefinition, detector: Detector, asset: str, values: Values) -> None:
        alone = replace(detector, witnesses=WitnessModel())
        self._explainer = WindowExplainer(definition, alone)
        self._detector, self._asset, self._values = detector, asset, values

    def __call__(self, end_index: int) -> HopEvidence:
        window = self._values[end_index + 1 - self._detector.window_rows : end_index + 1]
        actual = window[-self._detector.hop_rows :].mean(axis=0)
        return self._explainer.evidence(
            WindowScore(0.0, SmoothedTerms(end_index, ()), self._asset, window, actual)
        )


def raise_alarms(
    rule: AlarmRule,
    asset: str,
    hops: HopScores,
    *,
    first_row: int,
    evidence: Callable[[int], HopEvidence] = lambda end_index: NoEvidence(),
) -> list[Alarm]:
    """The alarms of an asset from row ``first_row`` on, by the scores alone, in rows.

    Hops that begin before ``first_row`` are skipped. Row 0 has the time 0. ``evidence`` gives the evidence
    about the hop that ends with a row. An episode that is open at the end of the series ends there. A pending
    episode raises no alarm.
    """
    state = AlarmState(rule.calibration.initial_baseline(asset), None)
    alarms: list[RaisedAlarm] = []
    opened: Episode | None = None
    for end_index, score in zip(hops.end_index.tolist(), hops.scores.tolist(), strict=True):
        if end_index + 1 - rule.hop_rows < first_row:
            continue
        hop = Hop(end_index, end_index, end_index, rule.hop_rows)
        judgement = rule.judge(score, state.baseline)
        state, events = rule.update(state, score, judgement, hop, evidence(end_index))
        for event in events:
            if event.event is EventType.OPENED:
                opened = event.episode
            if event.event is EventType.CLOSED and opened is not None:
                alarms.append(RaisedAlarm(event.episode, opened))
                opened = None
    if opened is not None and state.episode is not None:
        alarms.append(RaisedAlarm(state.episode, opened))
    return [alarm.in_rows(rule.interval_us) for alarm in alarms]
