"""The checks of instruments alone as a method: what they find without any score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.studies.quality.alarms.methods import FittedAlarms, NamedAlarm
from tfstream.core.instruments.instrument_monitor import InstrumentMonitor
from tfstream.core.instruments.learn_limits import learn_limits
from tfstream.core.messages.anomaly_event import EventKind
from tfstream.core.messages.witness import Witness
from tfstream.core.reading import Series
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.window import step_rows

_WINDOW_ROWS, _HOP_ROWS = 64, 8
_COOLDOWN_ROWS = 64  # without a finding: then the alarm of a sensor ends


class InstrumentMethod:
    """Learns limits; an alarm is a finding of a sensor that has none standing."""

    name = "instruments"

    def fit(
        self,
        series: Sequence[Series],
        definition: StreamDefinition,
        seed: int,
        champion: FittedAlarms | None = None,
    ) -> FittedAlarms:
        """Learn the limits; ``seed`` and ``champion`` change nothing."""
        limits = learn_limits(series, definition.interval_us, definition.staleness_rows)
        return FittedInstruments(InstrumentMonitor(limits), definition)


class FittedInstruments:
    """Watches a series as the stream would, window by window."""

    def __init__(self, monitor: InstrumentMonitor, definition: StreamDefinition) -> None:
        self._monitor = monitor
        self._definition = definition

    def alarms(self, series: Series, first_row: int) -> list[NamedAlarm]:
        """One alarm for each sensor and event, in the order in which they are raised."""
        state = self._monitor.initial_state()
        open_alarms: dict[int, NamedAlarm] = {}
        raised: list[NamedAlarm] = []
        step = step_rows(self._definition.interval_us, _HOP_ROWS)
        for stop in range(max(_WINDOW_ROWS, first_row - _WINDOW_ROWS), len(series.values) + 1, step):
            window = series.values[stop - _WINDOW_ROWS : stop]
            state, findings = self._monitor.update(state, window, stop - 1, series.asset)
            for finding in findings:
                if finding.row < first_row:
                    continue
                standing = open_alarms.get(finding.sensor)
                if standing is not None and finding.row - standing.stop < _COOLDOWN_ROWS:
                    open_alarms[finding.sensor] = replace(standing, stop=finding.row + 1)
                    continue
                if standing is not None:
                    raised.append(standing)
                open_alarms[finding.sensor] = NamedAlarm(
                    first=max(finding.since_row, first_row),
                    raised=stop,
                    stop=finding.row + 1,
                    sensors=(self._definition.sensors[finding.sensor],),
                    witness=Witness.INSTRUMENT,
                    kind=EventKind.INSTRUMENT,
                    blame={self._definition.sensors[finding.sensor]: 1.0},
                    expected_per_week=finding.expected_per_week,
                )
        return sorted([*raised, *open_alarms.values()], key=lambda alarm: alarm.raised)
