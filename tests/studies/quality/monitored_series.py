"""A trained detector on a normal series, and what it says when one sensor of it goes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tests.studies.quality.single_faults import SingleFault
from tfstream.app.scoring.event_builder import EventBuilder
from tfstream.app.scoring.score_batch import (
    Champion,
    ScoringInput,
    SmoothedTerms,
    WindowScore,
    alarm_rule,
    score_batch,
)
from tfstream.core.alarms import sensor_shares
from tfstream.core.alarms.alarm_rule import AlarmRule, AlarmState, Hop
from tfstream.core.alarms.episode import EpisodeEvent
from tfstream.core.messages.anomaly_event import SensorShare
from tfstream.core.reading import Values
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window
from tfstream.model.scoring.detector import Detector


class NamedSensors(NamedTuple):
    """Sensors named for a fault, the guiltiest first, by the event that opened the episode and at its end.

    Both empty without an alarm, or when it goes up only once the newest hop and the one before show nothing
    of the fault any more: then something else raised it. ``hops`` are the sensors when all hops that show
    the fault are joined, alarm or none; ``errors`` those with the largest errors of V over the same hops,
    for comparison.
    """

    opened: tuple[SensorShare, ...]
    closed: tuple[SensorShare, ...]
    hops: tuple[SensorShare, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class MonitoredSeries:
    """``values [rows, sensors]`` of one asset; ``scored`` and ``standing`` by the last row of each hop.

    ``quiet [rows]`` are rows that raise no alarm as they are, and that nobody labelled; faults begin at row
    ``first_row`` or later.
    """

    detector: Detector
    event_builder: EventBuilder
    rule: AlarmRule
    asset: str
    values: Values
    scored: dict[int, WindowScore]
    alarm_state: dict[int, AlarmState]
    quiet: NDArray[np.bool_]
    first_row: int

    @property
    def standard(self) -> NDArray[np.float64]:
        """The values in units of each sensor's deviation, not clipped."""
        scaler, row = self.detector.scaler, self.detector.scaler.rows_of([self.asset])[0]
        standard: NDArray[np.float64] = (self.values - scaler.location[row]) / scaler.scale[row]
        return standard

    def places(self, rows: int) -> NDArray[np.int64]:
        """Where a fault of so many rows can begin with a quiet window before it and another one after it."""
        window = self.detector.window_rows
        noisy = np.concatenate([[0], np.cumsum(~self.quiet)])
        first: NDArray[np.int64] = np.arange(max(self.first_row, 2 * window), len(self.quiet) - rows - window)
        calm: NDArray[np.int64] = first[noisy[first + rows + window] == noisy[first - window]]
        return calm

    def name_sensors(self, fault: SingleFault) -> NamedSensors:
        """What the stream would tell of the fault."""
        hop, length = self.detector.hop_rows, self.detector.window_rows
        wrong = self._with(fault)
        last = (fault.first // hop) * hop - 1  # of the last hop before the fault
        ends = range(last + hop, fault.stop + length, hop)
        candidates = [
            ScoringInput(0, self.asset, Window(end, wrong[end + 1 - length : end + 1], 0, 0), None)
            for end in ends
        ]
        candidates[0] = candidates[0]._replace(before=self.scored[last].terms)
        scored = score_batch(self.detector, candidates)
        shown = [one for one in scored if one.terms.end_index < fault.stop + hop]
        told = self._follow(AlarmState(self.alarm_state[last].baseline, None), scored)
        if told and told[0].episode.started_us // self.rule.interval_us >= fault.stop + hop:
            told = []
        closed = told[-1].episode.sensors if told else ()
        opened = told[0].episode.sensors if told else ()
        return NamedSensors(opened, closed, self._joined(shown), self._largest_errors(shown))

    def _with(self, fault: SingleFault) -> Values:
        scaler, row = self.detector.scaler, self.detector.scaler.rows_of([self.asset])[0]
        wrong = self.values.copy()
        own_units = fault.values * scaler.scale[row, fault.sensor] + scaler.location[row, fault.sensor]
        wrong[fault.first : fault.stop, fault.sensor] = own_units
        return wrong

    def _follow(self, alarm_state: AlarmState, scored: list[WindowScore]) -> list[EpisodeEvent]:
        """The first event and the last state of the first episode."""
        told: list[EpisodeEvent] = []
        for one in scored:
            alarm_state, news, _ = follow(self.rule, self.event_builder, alarm_state, one)
            if news is not None:
                told.append(news)
            if told and alarm_state.episode is None:
                return told
        return (
            [*told, told[-1]._replace(episode=alarm_state.episode)] if told and alarm_state.episode else told
        )

    def _joined(self, shown: list[WindowScore]) -> tuple[SensorShare, ...]:
        sensors: tuple[SensorShare, ...] = ()
        for place, one in enumerate(shown, start=1):
            sensors = sensor_shares.merge_hop(sensors, self.event_builder.sensors(one), place)
        return sensors

    def _largest_errors(self, shown: list[WindowScore]) -> tuple[str, ...]:
        """Sensors by their part in V's errors, each in units of its usual one, the largest first."""
        detector, windows = self.detector, np.stack([one.window for one in shown])
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
    """Score the series as it is; faults may be put into ``normal [rows]`` from ``first_row`` on."""
    rule = alarm_rule(definition, detector)
    event_builder = EventBuilder(definition, Champion(detector, 1, ""))
    scored = _score(detector, asset, values)
    alarm_state = AlarmState(rule.calibration.initial_baseline(asset), None)
    alarm_states: dict[int, AlarmState] = {}
    quiet = normal.copy()
    for one in scored:
        alarm_state, _, alarmed = follow(rule, event_builder, alarm_state, one)
        end = one.terms.end_index
        alarm_states[end] = alarm_state
        if alarmed:
            quiet[end + 1 - detector.hop_rows : end + 1] = False
    return MonitoredSeries(
        detector=detector,
        event_builder=event_builder,
        rule=rule,
        asset=asset,
        values=values,
        scored={one.terms.end_index: one for one in scored},
        alarm_state=alarm_states,
        quiet=quiet,
        first_row=first_row,
    )


def follow(
    rule: AlarmRule, event_builder: EventBuilder, alarm_state: AlarmState, scored: WindowScore
) -> tuple[AlarmState, EpisodeEvent | None, bool]:
    """One hop on; the last is whether an episode is open then."""
    judgement = rule.judge(scored.score, alarm_state.baseline)
    end = scored.terms.end_index
    alarm_state, told = rule.update(
        alarm_state, scored.score, judgement, Hop(end, end, end), event_builder.testimony(scored)
    )
    return alarm_state, told, alarm_state.episode is not None


def _score(detector: Detector, asset: str, values: Values) -> list[WindowScore]:
    length, hop = detector.window_rows, detector.hop_rows
    views = sliding_window_view(values, length, axis=0)[::hop].transpose(0, 2, 1)
    found: list[WindowScore] = []
    before: SmoothedTerms | None = None
    for at in range(0, len(views), 1024):
        windows = [
            Window(length - 1 + hop * number, view, 0, 0)
            for number, view in enumerate(views[at : at + 1024], start=at)
        ]
        found += score_batch(detector, [ScoringInput(0, asset, window, before) for window in windows])
        before = found[-1].terms
    return found
