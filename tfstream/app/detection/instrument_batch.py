"""Asks the checks of instruments about a batch of windows: which sensors are out, which are unusual."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from tfstream.app.detection.score_batch import alarm_rule
from tfstream.app.detection.witness_batch import WitnessInput
from tfstream.core.alarms.judgement import Judgement
from tfstream.core.instruments.instrument_finding import InstrumentFinding
from tfstream.core.instruments.instrument_memory import InstrumentMemory, OutSensor, sensors_out
from tfstream.core.instruments.instrument_monitor import InstrumentMonitor
from tfstream.core.instruments.instrument_state import InstrumentState
from tfstream.core.messages.anomaly_event import SensorShare, rounded
from tfstream.core.messages.witness import Witness
from tfstream.core.reading import Values
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window
from tfstream.core.windowing.window import WindowShape
from tfstream.model.scoring.detector import Detector

AssetKey = tuple[int, str]


class InstrumentVerdict(NamedTuple):
    """The judgement of the rarest finding in a window's new rows, and all sensors with such a finding.

    ``columns`` are these sensors by column, ``dead`` those whose readings no longer move as they should.
    """

    judgement: Judgement
    sensors: tuple[SensorShare, ...]
    columns: frozenset[int] = frozenset()
    dead: frozenset[int] = frozenset()

    def follows_from(self, shifted: Collection[int]) -> bool:
        """Whether nothing was seen but what sensors that stand at other levels show anyway."""
        return self.columns <= set(shifted) and not self.dead


class CheckedWindow(NamedTuple):
    """A window whose sensors have been checked.

    ``masked`` are the sensors, by column, that are out or were so in rows of the window; ``window`` has no
    values of them. ``out`` is about sensors that are out in the new rows, ``unusual`` about findings that the
    process may explain. ``last_values`` has the last row with a value of each sensor that sends rarely.
    ``restarts`` is true for the first window of a hop without a sensor: means of the score begin again.
    ``settling`` is true for a window's rows longer: means of the witnesses remember what the sensor showed.
    """

    window: Window
    masked: tuple[int, ...] = ()
    out: InstrumentVerdict | None = None
    unusual: InstrumentVerdict | None = None
    last_values: Mapping[int, int] = {}
    restarts: bool = False
    settling: bool = False


class CheckedBatch(NamedTuple):
    """The checked windows in the order of the batch, and what each asset's memory keeps afterwards."""

    windows: list[CheckedWindow]
    memories: Mapping[AssetKey, InstrumentMemory]


class InstrumentBatch:
    """The checks of one model. It keeps no state of the assets: memories go in and out."""

    def __init__(self, definition: StreamDefinition, detector: Detector) -> None:
        self._definition, self._detector = definition, detector
        self._share = alarm_rule(definition, detector).shares.instruments
        self._monitors: dict[float, InstrumentMonitor] = {}
        self._slow: dict[str, tuple[int, ...]] = {}

    def check(
        self, windows: Sequence[WitnessInput], memories: Mapping[AssetKey, InstrumentMemory | None]
    ) -> CheckedBatch:
        """Check windows; those of an asset must be in the order of the log."""
        by_asset: dict[AssetKey, list[int]] = {}
        for index, (key, _, _) in enumerate(windows):
            by_asset.setdefault(key, []).append(index)
        checked: dict[int, CheckedWindow] = {}
        after = {}
        for key, indices in by_asset.items():
            checks = self._asset_checks(key[1], memories.get(key))
            own = checks.check_all([windows[index].window for index in indices])
            checked |= zip(indices, own, strict=True)
            after[key] = checks.memory()
        return CheckedBatch([checked[index] for index in range(len(windows))], after)

    def _asset_checks(self, asset: str, memory: InstrumentMemory | None) -> _AssetChecks:
        slow = self._slow.get(asset)
        if slow is None:
            slow = self._detector.instruments.slow_sensors(asset, self._detector.hop_rows)
            self._slow[asset] = slow
        budget = self._definition.budget_of(asset)
        monitor = self._monitors.get(budget)
        if monitor is None:
            limits = replace(self._detector.instruments, per_week=budget * self._share)
            monitor = self._monitors[budget] = InstrumentMonitor(limits)
        return _AssetChecks(self._definition, monitor, self._share, asset, memory, slow, self._detector.shape)


class _AssetChecks:
    """The checks of one asset, window after window."""

    def __init__(
        self,
        definition: StreamDefinition,
        monitor: InstrumentMonitor,
        share: float,
        asset: str,
        memory: InstrumentMemory | None,
        slow: tuple[int, ...],
        shape: WindowShape,
    ) -> None:
        self._shape = shape
        self._definition, self._monitor, self._share, self._asset = definition, monitor, share, asset
        self._state = _state(monitor, memory)
        self._out: tuple[OutSensor, ...] = () if memory is None else memory.out
        before = {} if memory is None else dict(memory.last_values)
        self._last_values = {sensor: before.get(sensor, -1) for sensor in slow}
        self._next_row = self._state.next_row
        self._newest: Values | None = None

    def check_all(self, windows: Sequence[Window]) -> list[CheckedWindow]:
        """Check windows in the order of the log; all rows together as long as nothing is wrong."""
        rows = None if self._out else _unbroken_rows(windows)
        if rows is None:
            return [self._check(window) for window in windows]
        state, findings = self._monitor.update(self._state, rows, windows[-1].end_index, self._asset)
        if findings:
            return [self._check(window) for window in windows]
        self._state, self._newest = state, rows[-1]
        return [self._quiet(window) for window in windows]

    def _quiet(self, window: Window) -> CheckedWindow:
        """A window in which nothing is wrong."""
        if self._last_values:
            values, first = window.values, window.end_index + 1 - len(window.values)
            known = (
                self._last_values if first <= self._next_row else {}
            )  # after a gap it has had no time to send
            self._last_values = {
                sensor: _last_value(values[:, sensor], first, known.get(sensor, -1))
                for sensor in self._last_values
            }
            self._next_row = window.end_index + 1
        return CheckedWindow(window, last_values=self._last_values)

    def _check(self, window: Window) -> CheckedWindow:
        end, values = window.end_index, window.values
        self._state, findings = self._monitor.update(self._state, values, end, self._asset)
        self._newest = values[-1]
        self._out = sensors_out(self._out, findings, end) if self._out or findings else ()
        quiet = self._quiet(window)
        if not self._out and not findings:
            return quiet
        masked = tuple(each.sensor for each in self._out)
        return CheckedWindow(
            _without(window, masked),
            masked,
            self._verdict([each for each in findings if each.is_out and self._lasts(each)]),
            self._verdict([each for each in findings if each.sensor not in masked]),
            self._last_values,
            restarts=any(each.masked_within(self._shape.hop, end) for each in self._out),
            settling=any(each.masked_within(self._shape.rows, end) for each in self._out),
        )

    def memory(self) -> InstrumentMemory:
        """What the next window's checks need."""
        assert self._newest is not None
        return InstrumentMemory(
            checks=self._state.encode(self._newest),
            out=self._out,
            last_values=tuple(sorted(self._last_values.items())),
        )

    def _lasts(self, finding: InstrumentFinding) -> bool:
        """Whether its sensor has been out for as long as an alarm of the stream needs."""
        since = {each.sensor: each.since_row for each in self._out}[finding.sensor]
        return (finding.row + 1 - since) * self._definition.interval_us >= self._definition.min_duration_us

    def _verdict(self, findings: Sequence[InstrumentFinding]) -> InstrumentVerdict | None:
        if not findings:
            return None
        rarest = min(findings, key=lambda finding: (finding.expected_per_week, -finding.severity))
        name = self._definition.sensors[rarest.sensor]
        judgement = Judgement(
            value=rounded(rarest.severity),
            threshold=1.0,
            hold=1.0,
            expected_per_week=rounded(rarest.expected_per_week / self._share),
            witness=Witness.INSTRUMENT,
            reason=f"{name}: {rarest.words(self._definition.interval_us)}",
        )
        newest = {finding.sensor: finding for finding in findings}.values()
        return InstrumentVerdict(
            judgement,
            tuple(self._sensor(each, len(newest)) for each in newest),
            frozenset(each.sensor for each in newest),
            frozenset(each.sensor for each in newest if each.is_dead),
        )

    def _sensor(self, finding: InstrumentFinding, sensors: int) -> SensorShare:
        return SensorShare(
            name=self._definition.sensors[finding.sensor],
            share=rounded(1 / sensors),
            actual=rounded(finding.value) if np.isfinite(finding.value) else None,
            expected=None,
            evidence=rounded(finding.severity),
        )


def _state(monitor: InstrumentMonitor, memory: InstrumentMemory | None) -> InstrumentState:
    """The stored state; a new one for an asset without, and where the stream has other sensors now."""
    if memory is not None:
        state = InstrumentState.decode(memory.checks)
        if len(state.last) == monitor.limits.sensors:
            return state
    return monitor.initial_state()


def _unbroken_rows(windows: Sequence[Window]) -> Values | None:
    """The rows of successive windows, the first window's and all later ones; None where rows are missing."""
    parts = [windows[0].values]
    for before, window in pairwise(windows):
        new = window.end_index - before.end_index
        if not 0 < new <= len(window.values):
            return None
        parts.append(window.values[-new:])
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def _last_value(column: Values, first_row: int, before: int) -> int:
    """The last row with a value of a column that begins at ``first_row``; without one the row of ``before``.

    ``before`` is -1 for a sensor that is new: it may have had a value in the row before the column.
    """
    rows = np.flatnonzero(~np.isnan(column))
    if len(rows):
        return first_row + int(rows[-1])
    return before if before >= 0 else first_row - 1


def _without(window: Window, sensors: Sequence[int]) -> Window:
    """The window without the values of some sensors."""
    if not sensors:
        return window
    values = window.values.copy()
    values[:, list(sensors)] = np.nan
    return window._replace(values=values)
