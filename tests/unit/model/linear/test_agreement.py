"""A fault that lasts for days: the score falls, but the sensor does not agree with the others."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from tests.score_alarms import SeriesEvidence, raise_alarms
from tests.studies.simulated_readings import readings
from tfstream.app.detection.score_series import score_series
from tfstream.core.alarms.alarm_rule import AlarmRule
from tfstream.core.quality.event_quality import Alarm
from tfstream.core.reading import Series, Values
from tfstream.core.stream import StreamDefinition
from tfstream.model import bundle
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.fit import fit
from tfstream.model.scoring.detector import Detector

SECOND = 1_000_000
SENSORS = tuple(f"s{i}" for i in range(12))
DEFINITION = StreamDefinition(topic="t", sensors=SENSORS, interval_us=SECOND, alarm_budget_per_week=7.0)
LEARNT, BEGINS, ENDS = 6000, 7000, 13_000
FAULTY = 7


@pytest.fixture(scope="module")
def values() -> Values:
    moving = readings(14_000, len(SENSORS) - 1, seed=2)
    return np.concatenate([moving, np.full((len(moving), 1), 7, dtype=np.float32)], axis=1)


@pytest.fixture(scope="module")
def detector(values: Values) -> Detector:
    series = [Series("x", np.arange(LEARNT) * SECOND, values[:LEARNT])]
    return fit(series, SENSORS, SECOND, DetectorConfig(steps=20), 0, lambda stage, done: None)


@pytest.fixture(scope="module")
def shifted(values: Values) -> Values:
    """A sensor is too high for 6,000 rows, 94 windows."""
    changed = values.copy()
    changed[BEGINS:ENDS, FAULTY] += 0.4 * changed[:LEARNT, FAULTY].std()
    return changed


def departures(detector: Detector, values: Values, rows: range) -> Values:
    return np.stack([detector.departures(values[row - 64 : row], "x") for row in rows])


def test_a_sensor_departs_for_as_long_as_it_is_wrong(detector: Detector, values: Values) -> None:
    wrong = values.copy()
    wrong[:, FAULTY] += 2 * values[:LEARNT, FAULTY].std()
    rows = range(BEGINS, ENDS, 8)
    assert (np.abs(departures(detector, values, rows)) > 1).mean() < 0.03
    assert (departures(detector, wrong, rows)[:, FAULTY] > 1).mean() > 0.99


def test_a_silent_sensor_has_finite_departures(detector: Detector, values: Values) -> None:
    silent = values[6500:6564].copy()
    silent[:, FAULTY] = np.nan
    assert np.isfinite(detector.departures(silent, "x")).all()


def test_the_fault_is_a_single_episode(detector: Detector, shifted: Values) -> None:
    alarms = raised(detector, shifted, SeriesEvidence(DEFINITION, detector, "x", shifted))
    (alarm,) = [alarm for alarm in alarms if alarm.stop > BEGINS]
    assert BEGINS - 8 <= alarm.first <= BEGINS + 4 * 64
    assert ENDS - 64 <= alarm.stop <= ENDS + 3 * 64


def test_by_the_score_alone_the_episode_would_end_too_early(detector: Detector, shifted: Values) -> None:
    """The control: without the agreement of the sensors, this fault is not a single episode."""
    alarms = [alarm for alarm in raised(detector, shifted, None) if alarm.stop > BEGINS]
    assert alarms
    assert alarms[0].stop < ENDS - 1000


def raised(detector: Detector, values: Values, evidence: SeriesEvidence | None) -> list[Alarm]:
    rule = AlarmRule(
        calibration=msgspec.structs.replace(detector.calibration, separation_rows=64),
        budget_per_week=DEFINITION.alarm_budget_per_week,
        interval_us=SECOND,
        hop_rows=detector.hop_rows,
    )
    hops = score_series(detector, "x", values)
    if evidence is None:
        return raise_alarms(rule, "x", hops, first_row=LEARNT)
    return raise_alarms(rule, "x", hops, first_row=LEARNT, evidence=evidence)


def test_a_bundle_keeps_the_agreement(detector: Detector, shifted: Values) -> None:
    """Its weights are rounded to half precision in the fit: a loaded detector is the same, bit for bit."""
    again = bundle.load(bundle.dump(detector))
    window = shifted[8000:8064]
    np.testing.assert_array_equal(again.departures(window, "x"), detector.departures(window, "x"))
