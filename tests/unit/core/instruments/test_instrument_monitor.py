"""Findings of a monitor that has learnt from a simulated sensor."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.core.instruments.watched_sensors import INTERVAL_US, ROWS, learn, normal_rows, watch
from tfstream.core.instruments.instrument_check import InstrumentFault
from tfstream.core.instruments.instrument_finding import InstrumentFinding
from tfstream.core.instruments.instrument_monitor import InstrumentMonitor
from tfstream.core.instruments.instrument_state import InstrumentState
from tfstream.core.reading import Values

_BEGIN, _STOP = 200, 320


def _faulty(fault: InstrumentFault) -> Values:
    """Normal rows in which sensor 1 has a fault."""
    values = normal_rows(600, seed=9)
    during = values[_BEGIN:_STOP, 1]
    rng = np.random.default_rng(3)
    match fault:
        case InstrumentFault.STUCK:
            during[:] = during[0]
        case InstrumentFault.DEAD:
            during[:] = 0
        case InstrumentFault.FLAT:
            during[:] = 50 + rng.normal(0, 1e-4, len(during))
        case InstrumentFault.OUT_OF_RANGE:
            during += 100
        case InstrumentFault.CLIPPED:
            during[:] = np.minimum(50 + rng.normal(0, 1, len(during)), 50.3)
        case InstrumentFault.IMPOSSIBLE_RATE:
            during[40:] += 7
        case InstrumentFault.NOISY:
            during += rng.normal(0, 1.2, len(during))
    return values


@pytest.mark.parametrize("fault", list(InstrumentFault))
def test_every_fault_is_found_at_its_sensor(fault: InstrumentFault) -> None:
    findings = watch(InstrumentMonitor(learn()), _faulty(fault))
    during = [finding for finding in findings if _BEGIN <= finding.row < _STOP + 64]
    assert during
    assert {finding.sensor for finding in findings} == {1}
    assert fault in {finding.fault for finding in during}


def test_normal_rows_have_no_finding() -> None:
    assert watch(InstrumentMonitor(learn()), normal_rows(8000, seed=5)) == []


def test_values_of_a_broken_transmitter_give_no_warning() -> None:
    """Differences between the largest numbers of single precision are infinite; a warning fails the test."""
    values = normal_rows(300, seed=3)
    values[200:204, 0] = [3e38, -3e38, 3e38, -3e38]
    faults = {finding.fault for finding in watch(InstrumentMonitor(learn()), values)}
    assert InstrumentFault.OUT_OF_RANGE in faults


def test_words_have_readable_numbers() -> None:
    """A pressure in pascal needs no exponent; a value beyond its range differs from the values before."""
    pressure = InstrumentFinding(
        row=9,
        sensor=0,
        fault=InstrumentFault.OUT_OF_RANGE,
        since_row=9,
        value=101_425.0,
        measured=101_425.0,
        before=101_345.0,
        limit=101_400.0,
        expected_per_week=0.1,
    )
    assert pressure.words(INTERVAL_US) == "out of range at 101425, highest before 101345"
    flow = pressure._replace(value=1000.062, measured=1000.062, before=1000.011)
    assert flow.words(INTERVAL_US) == "out of range at 1000.06, highest before 1000.01"
    broken = pressure._replace(value=1e30, measured=1e30, before=53.72)
    assert broken.words(INTERVAL_US) == "out of range at 1e+30, highest before 53.72"


def test_a_stuck_sensor_is_described_in_words() -> None:
    findings = watch(InstrumentMonitor(learn()), _faulty(InstrumentFault.STUCK))
    stuck = [finding for finding in findings if finding.fault is InstrumentFault.STUCK][-1]
    value = float(_faulty(InstrumentFault.STUCK)[_BEGIN, 1])
    assert stuck.since_row == _BEGIN
    assert stuck.words(INTERVAL_US) == f"stuck at {value:.4g} for 2 h, longest before 1 min"
    assert stuck.expected_per_week < 1e-3


def test_a_filled_gap_is_not_stuck() -> None:
    """A missing cell carries the last value for five rows, which no row of training shows."""
    values = normal_rows(600, seed=9)
    values[_BEGIN : _BEGIN + 5, 1] = values[_BEGIN - 1, 1]
    values[_BEGIN + 5 : _BEGIN + 60, 1] = np.nan
    assert watch(InstrumentMonitor(learn()), values) == []


def test_a_switch_that_stays_is_no_fault() -> None:
    values = normal_rows(600, seed=9)
    values[:, 3] = 1
    assert watch(InstrumentMonitor(learn()), values) == []


def test_what_three_sensors_do_at_once_is_the_process() -> None:
    values = normal_rows(600, seed=9)
    values[_BEGIN:_STOP, :3] += 100
    assert watch(InstrumentMonitor(learn()), values) == []


def test_many_sensors_that_freeze_are_found() -> None:
    values = normal_rows(600, seed=9)
    values[_BEGIN:_STOP, :3] = values[_BEGIN, :3]
    assert {finding.sensor for finding in watch(InstrumentMonitor(learn()), values)} == {0, 1, 2}


def test_an_asset_without_limits_of_its_own_takes_those_of_all() -> None:
    findings = watch(InstrumentMonitor(learn()), _faulty(InstrumentFault.STUCK), asset="new")
    assert {(finding.sensor, finding.fault) for finding in findings} == {(1, InstrumentFault.STUCK)}


def test_an_infinite_value_counts_as_missing() -> None:
    values = normal_rows(600, seed=9)
    values[_BEGIN, 1] = np.inf
    assert watch(InstrumentMonitor(learn()), values) == []


def test_after_missing_rows_the_state_begins_again() -> None:
    monitor = InstrumentMonitor(learn())
    state = monitor.initial_state()
    stuck = normal_rows(64, seed=9)
    stuck[-5:, 1] = 7
    state, _ = monitor.update(state, stuck, ROWS, "a")
    assert state.runs[1] == 5
    later = normal_rows(64, seed=9)
    later[:, 1] = 7
    state, _ = monitor.update(state, later, ROWS + 1000, "a")
    assert state.runs[1] == 64


def test_a_window_that_is_done_changes_nothing() -> None:
    monitor = InstrumentMonitor(learn())
    window = normal_rows(64, seed=9)
    state, _ = monitor.update(monitor.initial_state(), window, 1000, "a")
    again, findings = monitor.update(state, window, 1000, "a")
    assert again is state
    assert findings == []


def test_the_state_of_sensors_that_change_takes_ten_bytes() -> None:
    monitor = InstrumentMonitor(learn())
    window = normal_rows(64, seed=9)
    window[-1, 3] = 1 - window[-2, 3]
    state, _ = monitor.update(monitor.initial_state(), window, 1000, "a")
    assert len(state.encode(window[-1])) == 10


def test_bytes_that_are_no_state_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        InstrumentState.decode(b"abc")
