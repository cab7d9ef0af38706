"""An alarm ends when its witnesses are quiet, although a sensor is still a little beside the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.studies.simulated_readings import readings
from tfstream.app.detection.score_series import series_episodes
from tfstream.core.reading import Series, Values
from tfstream.core.stream import StreamDefinition
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.fit import fit
from tfstream.model.scoring.detector import Detector
from tfstream.model.witnesses.witness_model import WitnessModel

SECOND = 1_000_000
SENSORS = tuple(f"s{i}" for i in range(12))
DEFINITION = StreamDefinition(topic="t", sensors=SENSORS, interval_us=SECOND)
LEARNT, BEGINS, FAULT_ENDS, ROWS = 6000, 7000, 7120, 10_000
FAULTY = 7


@pytest.fixture(scope="module")
def values() -> Values:
    return readings(ROWS, len(SENSORS), seed=2)


@pytest.fixture(scope="module")
def detector(values: Values) -> Detector:
    series = [Series("x", np.arange(LEARNT) * SECOND, values[:LEARNT])]
    return fit(series, SENSORS, SECOND, DetectorConfig(steps=20), 0, lambda stage, done: None)


def ends(detector: Detector, values: Values) -> list[int]:
    """The last rows of all alarms after a large fault that leaves a small offset behind."""
    changed = values.copy()
    unit = changed[:LEARNT, FAULTY].std()
    changed[BEGINS:FAULT_ENDS, FAULTY] += 3 * unit
    changed[FAULT_ENDS:, FAULTY] += 0.25 * unit
    series = Series("x", np.arange(ROWS) * SECOND, changed)
    alarms = series_episodes(DEFINITION, detector, series, first_row=LEARNT)
    return [stop for first, _, stop in (alarm.in_rows(SECOND) for alarm in alarms) if stop > BEGINS]


def test_an_alarm_ends_with_its_fault(detector: Detector, values: Values) -> None:
    (end,) = ends(detector, values)
    assert FAULT_ENDS <= end <= FAULT_ENDS + 128


def test_without_witnesses_it_stays_while_the_sensor_departs(detector: Detector, values: Values) -> None:
    """The control: the score alone forgets a level, so that the level of the sensor keeps its alarm open."""
    assert max(ends(replace(detector, witnesses=WitnessModel()), values)) > ROWS - 64
