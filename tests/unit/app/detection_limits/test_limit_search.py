"""The smallest faults that a model detects: what the search says holds in the stream's own code."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from tests.studies.simulated_readings import SECOND_US, names
from tests.unit.model.witnesses.steady_plant import SENSORS, steady_plant
from tfstream.app.detection.score_series import series_episodes
from tfstream.app.detection_limits.limit_search import LimitSearch
from tfstream.app.detection_limits.limits_page import render_limits
from tfstream.core.faults.sensor_faults import SIZES, SensorFault
from tfstream.core.learning.detection_limits import DetectionLimits
from tfstream.core.learning.held_out import HeldOut, hold_out
from tfstream.core.messages.witness import Witness
from tfstream.core.reading import Series, Values
from tfstream.core.stream import StreamDefinition
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.fit import fit
from tfstream.model.scoring.detector import Detector

ALONE = SENSORS  # the column of a sensor that no other sensor predicts
COUNTER = SENSORS + 1
MINUTE_US = 60 * SECOND_US
ROWS = 6_000
DEFINITION = StreamDefinition(topic="plant", sensors=names(SENSORS + 2), interval_us=MINUTE_US)


def plant(rows: int, seed: int) -> Values:
    """A steady plant, a sensor that wanders by itself, and a counter."""
    rng = np.random.default_rng(seed + 100)
    alone = np.zeros(rows)
    for row in range(1, rows):
        alone[row] = 0.99 * alone[row - 1] + rng.normal()
    counter = np.cumsum(rng.uniform(0.5, 1.5, rows))
    values: Values = np.column_stack([steady_plant(rows, seed), alone, counter]).astype(np.float32)
    return values


@pytest.fixture(scope="module")
def held() -> HeldOut:
    times = np.arange(ROWS, dtype=np.int64) * MINUTE_US
    held = hold_out([Series("x", times, plant(ROWS, 0))], MINUTE_US)
    assert held is not None
    return held


@pytest.fixture(scope="module")
def detector(held: HeldOut) -> Detector:
    return fit(
        held.learn, DEFINITION.sensors, MINUTE_US, DetectorConfig(steps=20), 0, lambda stage, done: None
    )


@pytest.fixture(scope="module")
def limits(held: HeldOut, detector: Detector) -> DetectionLimits:
    return found(held, detector)


def found(held: HeldOut, detector: Detector, definition: StreamDefinition = DEFINITION) -> DetectionLimits:
    limits = LimitSearch(definition, held, 0).limits(detector)
    assert limits is not None
    return limits


def offset_of(limits: DetectionLimits, sensor: int) -> float:
    """The smallest offset in deviations; infinite where none is found."""
    limit = limits.sensors[sensor].limits[SensorFault.OFFSET.value]
    return limit.or_above(np.inf)


def test_every_sensor_but_the_counter_has_limits(limits: DetectionLimits) -> None:
    assert [each.sensor for each in limits.sensors] == list(DEFINITION.sensors[:COUNTER])
    assert limits.untested == (DEFINITION.sensors[COUNTER],)
    assert (limits.within_s, limits.sites) == (8 * 3600, 3)
    assert set(limits.sensors[0].limits) == {"offset", "drift", "noise", "stuck"}
    assert limits.sensors[0].limits["stuck"].after_s is not None


def test_nobody_vouches_for_the_sensor_that_wanders_by_itself(limits: DetectionLimits) -> None:
    assert limits.unpredicted == (DEFINITION.sensors[ALONE],)
    assert offset_of(limits, ALONE) >= 2 * max(offset_of(limits, sensor) for sensor in range(SENSORS))
    size = limits.sensors[0].limits["offset"].size
    assert size == pytest.approx(offset_of(limits, 0) * limits.sensors[0].deviation, rel=1e-5)


def test_the_stream_raises_the_alarm_that_the_search_promises(
    limits: DetectionLimits, detector: Detector
) -> None:
    """On other rows: an offset of twice the limit raises an alarm in time, one of a quarter does not."""
    rows, lead = int(limits.within_s // 60), 1_536
    clean = plant(lead + rows, 7)
    times = np.arange(len(clean), dtype=np.int64) * MINUTE_US
    for sensor in range(SENSORS):
        size = offset_of(limits, sensor) * limits.sensors[sensor].deviation
        raised = []
        for factor in (0.25, 2.0):
            faulty = clean.copy()
            faulty[lead:, sensor] += factor * size
            raised.append(series_episodes(DEFINITION, detector, Series("x", times, faulty), first_row=lead))
        assert [bool(alarms) for alarms in raised] == [False, True], DEFINITION.sensors[sensor]


def test_a_larger_budget_finds_smaller_faults_and_a_minimum_duration_larger_ones(
    held: HeldOut, detector: Detector, limits: DetectionLimits
) -> None:
    usual = sum(offset_of(limits, sensor) for sensor in range(SENSORS))
    many = found(held, detector, replace(DEFINITION, alarm_budget_per_week=50.0))
    assert sum(offset_of(many, sensor) for sensor in range(SENSORS)) < usual
    late = found(held, detector, replace(DEFINITION, min_duration_us=200 * MINUTE_US))
    assert sum(offset_of(late, sensor) for sensor in range(SENSORS)) > usual


def test_without_a_witness_of_levels_the_score_is_asked_and_nobody_vouches(
    held: HeldOut, detector: Detector, limits: DetectionLimits
) -> None:
    refused = tuple(msgspec.structs.replace(tail, refused="by the test") for tail in detector.witnesses.tails)
    blind = replace(detector, witnesses=replace(detector.witnesses, tails=refused))
    alone = found(held, blind)
    assert not alone.compared
    assert {each.predicted for each in alone.sensors} == {None}
    offsets = [offset_of(alone, sensor) for sensor in range(SENSORS)]
    assert min(offsets) > max(offset_of(limits, sensor) for sensor in range(SENSORS))
    assert min(offsets) <= SIZES[-1]
    assert "no sensor vouches for another" in render_limits("plant", 3, alone)
    assert any(tail.witness is Witness.LEVELS for tail in detector.witnesses.admitted)


def test_the_same_rows_and_seed_give_the_same_limits(
    held: HeldOut, detector: Detector, limits: DetectionLimits
) -> None:
    assert found(held, detector) == limits


def test_the_page_names_every_sensor_and_escapes_names(limits: DetectionLimits) -> None:
    page = render_limits("a<b", 3, limits)
    assert "What model version 3 does not see" in page
    assert "a&lt;b" in page
    for each in limits.sensors:
        assert f"<span>{each.sensor}</span>" in page
    assert f"no other sensor vouches for {DEFINITION.sensors[ALONE]}" in page
