"""A wide asset at one row a second: 127 sensors with faults of minutes to hours."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.studies.quality.alarms.cases import AlarmCase, CaseRun
from tests.studies.quality.alarms.labelled_tables import START_US, definition, part_of
from tests.studies.quality.alarms.sensor_faults import MAIN_KINDS, FaultPlan, inject
from tests.studies.simulated_readings import SECOND_US, names, readings
from tfstream.core.reading import Series

_SENSORS = 127
_LEARN_ROWS = 12 * 3600
_CONTEXT_ROWS = 3600
_LENGTHS = {"faults of 5 min": 300, "faults of 30 min": 1800, "faults of 2 h": 7200}


def wide(data: Path | None, *, hours: int) -> AlarmCase:
    """Twelve hours to learn from; then ``hours`` with faults of each length, eight kinds in turn."""
    rows = _LEARN_ROWS + hours * 3600
    values = readings(rows, _SENSORS)
    times_us = START_US + np.arange(rows, dtype=np.int64) * SECOND_US
    series = Series("wide", times_us, values)
    scored = part_of(series, _LEARN_ROWS - _CONTEXT_ROWS)
    return AlarmCase(
        definition=definition("wide", names(_SENSORS), SECOND_US),
        learn=[part_of(series, 0, _LEARN_ROWS)],
        runs=[_run(scored, part, length) for part, length in _LENGTHS.items()],
    )


def _run(scored: Series, part: str, length: int) -> CaseRun:
    usable = np.arange(len(scored.values)) >= _CONTEXT_ROWS
    plan = FaultPlan(kinds=MAIN_KINDS * (24 if length < 1800 else 3), rows=length, apart=max(length, 600))
    rng = np.random.default_rng(length)
    shown, faults = inject(scored, names(_SENSORS), plan, usable, rng)
    return CaseRun(name=part, part=part, series=shown, first_row=_CONTEXT_ROWS, faults=faults)
