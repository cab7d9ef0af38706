"""The exam: faults in other days, on which the champion of every night is measured.

The readings are those of the month's plant in another week, with the instruments' drift of that night. The
faults are of the demo's kinds. The product itself has no part in this measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tests.studies.month.simulated_month import (
    DAY_ROWS,
    INTERVAL_US,
    LEARNT_DAYS,
    START_US,
    readings_on_day,
)
from tfstream.app.detection.score_series import series_episodes
from tfstream.core.quality.event_quality import GRACE_ROWS
from tfstream.core.reading import Series
from tfstream.core.stream import StreamDefinition
from tfstream.demo.plant.faults import PlantFault, PlantFaultKind, inject
from tfstream.demo.plant.water_plant import MINUTE_US, WaterPlant
from tfstream.model.scoring.detector import Detector

_DAYS = 6
_APART_MINUTES, _LASTS_MINUTES = 360, 90
_KINDS = (
    PlantFaultKind.STUCK,
    PlantFaultKind.OFFSET,
    PlantFaultKind.NOISE,
    PlantFaultKind.DRIFT,
    PlantFaultKind.DECOUPLED,
)
_SIZES = {
    PlantFaultKind.OFFSET: 1.5,
    PlantFaultKind.NOISE: 0.5,
    PlantFaultKind.DRIFT: 3.0,
    PlantFaultKind.DECOUPLED: 700.0,
}


class ExamResult(NamedTuple):
    """``found`` of ``faults`` faults were detected in time; ``false`` alarms had no cause."""

    found: int
    faults: int
    false: int


class Exam:
    """Six days of both waterworks, with a fault every six hours."""

    def __init__(self, plant: WaterPlant, days: int, seed: int) -> None:
        """The six days after a month of ``days`` days."""
        before = (LEARNT_DAYS + days) * DAY_ROWS
        start = START_US + before * INTERVAL_US
        whole = plant.simulate(before + _DAYS * DAY_ROWS, START_US)
        self._clean = [Series(asset, times_us[before:], values[before:]) for asset, times_us, values in whole]
        self._sensors, self._seed = tuple(plant.sensors), seed
        rng = np.random.default_rng(seed)
        self._faults = [
            _fault(asset, plant, start + number * _APART_MINUTES * MINUTE_US, rng)
            for asset in plant.assets
            for number in range(1, _DAYS * 1440 // _APART_MINUTES)
        ]

    def examine(self, detector: Detector, definition: StreamDefinition, day: int) -> ExamResult:
        """The result of a model, with the instruments' drift of a day of the month."""
        shown = readings_on_day(self._clean, self._sensors, day)
        series = inject(shown, self._sensors, self._faults, self._seed)
        results = [self._examine_asset(asset, detector, definition) for asset in series]
        return ExamResult(*np.sum(results, axis=0).tolist())

    def _examine_asset(self, series: Series, detector: Detector, definition: StreamDefinition) -> ExamResult:
        raised = series_episodes(definition, detector, series)
        alarms = [alarm.in_rows(definition.interval_us) for alarm in raised]
        faults = [_rows(fault, series) for fault in self._faults if fault.asset == series.asset]
        detected = sum(
            any(first <= alarm.raised <= last + GRACE_ROWS for alarm in alarms) for first, last in faults
        )
        false = sum(not _caused(alarm.first, alarm.stop, faults) for alarm in alarms)
        return ExamResult(detected, len(faults), false)


def _fault(asset: str, plant: WaterPlant, start_us: int, rng: np.random.Generator) -> PlantFault:
    kind = _KINDS[rng.integers(len(_KINDS))]
    return PlantFault(
        asset=asset,
        kind=kind,
        sensors=(str(rng.choice(plant.sensors)),),
        start_us=start_us,
        end_us=start_us + _LASTS_MINUTES * MINUTE_US,
        size=_SIZES.get(kind, 0.0),
    )


def _rows(fault: PlantFault, series: Series) -> tuple[int, int]:
    first, last = np.searchsorted(series.times_us, (fault.start_us, fault.end_us))
    return int(first), int(last)


def _caused(first: int, stop: int, faults: Sequence[tuple[int, int]]) -> bool:
    return any(first < end + 64 and stop > begin for begin, end in faults)
