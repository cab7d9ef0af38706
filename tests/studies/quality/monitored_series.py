"""A detector on a normal series, and the sensors that its alarms name when one sensor is faulty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tests.studies.quality.single_faults import SingleFault
from tfstream.app.detection.score_batch import (
    ScoringInput,
    SmoothedTerms,
    WindowScore,
    alarm_rule,
    score_batch,
)
from tfstream.app.detection.window_evidence import WindowExplainer
from tfstream.core.alarms import sensor_shares
from tfstream.core.alarms.alarm_rule import AlarmRule, AlarmState, Hop
from tfstream.core.alarms.episode import EpisodeEvent, EpisodeEvents
from tfstream.core.messages.anomaly_event import EventType, SensorShare
from tfstream.core.reading import Values
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window
from tfstream.model.scoring.detector import Detector


class NamedSensors(NamedTuple):
    """The sensors named for a fault, the largest share first: in the episode's first event and at its end.

    Both are empty without an alarm, and when the episode begins after the newest two hops no longer contain
    the fault, because then something else raised the alarm. ``hops`` are the sensors over all hops that
    contain the fault, with or without an alarm; ``errors`` are the sensors with the largest errors of V over
    the same hops, for comparison.
    """

    opened: tuple[SensorShare, ...]
    closed: tuple[SensorShare, ...]
    hops: tuple[SensorShare, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class MonitoredSeries:
    """``values [rows, sensors]`` of one asset; ``scores`` and ``alarm_states`` by the last row of each hop.

    ``quiet [rows]`` marks rows without a label that raise no alarm; faults begin at row ``first_row`` or
    later.
    """

    detector: Detector
    explainer: WindowExplainer
    rule: AlarmRule
    asset: str
    values: Values
    scores: dict[int, WindowScore]
    alarm_state: dict[int, AlarmState]
    quiet: NDArray[np.bool_]
    first_row: int

    @property
    def standard(self) -> NDArray[np.float64]:
        """The values in units of each sensor's deviation, without clipping."""
        scaler, row = self.detector.scaler, self.detector.scaler.rows_of([self.asset])[0]
        standard: NDArray[np.float64] = (self.values - scaler.location[row]) / scaler.scale[row]
        return standard

    def fault_starts(self, rows: int) -> NDArray[np.int64]:
        """The rows at which a fault of ``rows`` rows can begin, with a quiet window before and after it."""
        window = self.detector.window_rows
        noisy = np.concatenate([[0], np.cumsum(~self.quiet)])
        first: NDArray[np.int64] = np.arange(max(self.first_row, 2 * window), len(self.quiet) - rows - window)
        quiet_starts: NDArray[np.int64] = first[noisy[first + rows + window] == noisy[first - window]]
        return quiet_starts

    def name_sensors(self, fault: SingleFault) -> NamedSensors:
        """The sensors that the stream would name for the fault."""
        hop, length = self.detector.hop_rows, self.detector.window_rows
        faulty = self._with_fault(fault)
        last = (fault.first // hop) * hop - 1  # of the last hop before the fault
        ends = range(last + hop, fault.stop + length, hop)
        candidates = [
            ScoringInput(0, self.asset, Window(end, faulty[end + 1 - length : end + 1], 0, 0), None)
            for end in ends
        ]
        candidates[0] = candidates[0]._replace(before=self.scores[last].terms)
        scored = score_batch(self.detector, candidates)
        faulty_hops = [score for score in scored if score.terms.end_index < fault.stop + hop]
        events = self._first_episode(AlarmState(self.alarm_state[last].baseline, None), scored)
        if events and events[0].episode.started_us // self.rule.interval_us >= fault.stop + hop:
            events = []
        closed = events[-1].episode.sensors if events else ()
        opened = events[0].episode.sensors if events else ()
        return NamedSensors(opened, closed, self._joined(faulty_hops), self._largest_errors(faulty_hops))

    def _with_fault(self, fault: SingleFault) -> Values:
        scaler, row = self.detector.scaler, self.detector.scaler.rows_of([self.asset])[0]
        faulty = self.values.copy()
        own_units = fault.values * scaler.scale[row, fault.sensor] + scaler.location[row, fault.sensor]
        faulty[fault.first : fault.stop, fault.sensor] = own_units
        return faulty

    def _first_episode(self, alarm_state: AlarmState, scored: list[WindowScore]) -> list[EpisodeEvent]:
        """The first event and the last state of the first episode; empty without an episode."""
        events: list[EpisodeEvent] = []
        for score in scored:
            alarm_state, new, _ = process_hop(self.rule, self.explainer, alarm_state, score)
            for event in new:
                events.append(event)
                if event.event is EventType.CLOSED:
                    return events
        return (
            [*events, events[-1]._replace(episode=alarm_state.episode)]
            if events and alarm_state.episode
            else events
        )

    def _joined(self, faulty_hops: list[WindowScore]) -> tuple[SensorShare, ...]:
        sensors: tuple[SensorShare, ...] = ()
        for number, score in enumerate(faulty_hops, start=1):
            sensors = sensor_shares.merge_hop(sensors, self.explainer.sensors(score), number)
        return sensors

    def _largest_errors(self, faulty_hops: list[WindowScore]) -> tuple[str, ...]:
        """Sensors by their part in V's errors, in units of each sensor's usual error, the largest first."""
        detector, windows = self.detector, np.stack([score.window for score in faulty_hops])
        scaled = torch.from_numpy(detector.scaler.transform(windows, [self.asset] * len(windows)))
        errors = detector.linear.row_errors(scaled.nan_to_num(), detector.config) / detector.usual_errors[0]
        part = (errors / errors.sum(1, keepdim=True)).mean(0)
        return tuple(detector.definition_sensors[i] for i in part.argsort(descending=True).tolist())


def monitor_series(
    detector: Detector,
    definition: StreamDefinition,
    asset: str,
    values: Values,
    normal: NDArray[np.bool_],
    first_row: int,
) -> MonitoredSeries:
    """Score the series without a fault; faults may begin in ``normal [rows]`` from ``first_row`` on."""
    rule = alarm_rule(definition, detector)
    explainer = WindowExplainer(definition, detector)
    scored = _score(detector, asset, values)
    alarm_state = AlarmState(rule.calibration.initial_baseline(asset), None)
    alarm_states: dict[int, AlarmState] = {}
    quiet = normal.copy()
    for score in scored:
        alarm_state, _, alarmed = process_hop(rule, explainer, alarm_state, score)
        end = score.terms.end_index
        alarm_states[end] = alarm_state
        if alarmed:
            quiet[end + 1 - detector.hop_rows : end + 1] = False
    return MonitoredSeries(
        detector=detector,
        explainer=explainer,
        rule=rule,
        asset=asset,
        values=values,
        scores={score.terms.end_index: score for score in scored},
        alarm_state=alarm_states,
        quiet=quiet,
        first_row=first_row,
    )


def process_hop(
    rule: AlarmRule, explainer: WindowExplainer, alarm_state: AlarmState, score: WindowScore
) -> tuple[AlarmState, EpisodeEvents, bool]:
    """Process one hop: the new state, its events, and whether an episode is open."""
    judgement = rule.judge(score.score, alarm_state.baseline)
    end = score.terms.end_index
    alarm_state, events = rule.update(
        alarm_state, score.score, judgement, Hop(end, end, end, rule.hop_rows), explainer.evidence(score)
    )
    return alarm_state, events, alarm_state.episode is not None


def _score(detector: Detector, asset: str, values: Values) -> list[WindowScore]:
    length, hop = detector.window_rows, detector.hop_rows
    views = sliding_window_view(values, length, axis=0)[::hop].transpose(0, 2, 1)
    scores: list[WindowScore] = []
    before: SmoothedTerms | None = None
    for at in range(0, len(views), 1024):
        windows = [
            Window(length - 1 + hop * number, view, 0, 0)
            for number, view in enumerate(views[at : at + 1024], start=at)
        ]
        scores += score_batch(detector, [ScoringInput(0, asset, window, before) for window in windows])
        before = scores[-1].terms
    return scores
