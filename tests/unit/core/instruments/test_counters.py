"""Counters are recognised, and differenced alike in windows and in whole series."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.core.instruments.watched_sensors import INTERVAL_US, normal_rows, series, watch
from tfstream.core.instruments.counters import CounterTransform, find_counters
from tfstream.core.instruments.instrument_monitor import InstrumentMonitor
from tfstream.core.instruments.learn_limits import learn_limits
from tfstream.core.reading import Values


def _meter(rows: int, seed: int, start: float = 48_000) -> Values:
    steps = np.random.default_rng(seed).uniform(0.2, 0.5, rows)
    return (start + np.cumsum(steps)).astype(np.float32)


def _with_meter(rows: int, seed: int, start: float = 48_000) -> Values:
    """Normal rows whose sensor 2 is an energy meter."""
    values = normal_rows(rows, seed)
    values[:, 2] = _meter(rows, seed, start)
    return values


def _find(column: Values) -> tuple[int, ...]:
    return find_counters([series(column[:, None])])


def test_a_meter_is_a_counter() -> None:
    assert find_counters([series(_with_meter(2000, seed=1))]) == (2,)


def test_a_meter_that_starts_again_is_a_counter() -> None:
    assert _find(np.concatenate([_meter(900, seed=1), _meter(900, seed=2, start=0)])) == (0,)


@pytest.mark.parametrize(
    "column",
    [
        np.arange(2000) // 1000,  # a switch that was moved once
        np.sin(np.arange(2000) / 300),
        np.arange(2000) * 0.01 + np.random.default_rng(1).normal(size=2000),  # a trend with noise
        np.full(2000, np.nan),
        np.arange(2000) % 8,  # falls too often
    ],
    ids=["switch", "swing", "trend with noise", "no value", "saw"],
)
def test_other_sensors_are_no_counters(column: Values) -> None:
    assert _find(column.astype(np.float32)) == ()


def test_a_counter_of_one_asset_that_swings_at_another_is_none() -> None:
    swing = np.sin(np.arange(2000) / 30).astype(np.float32)
    assert find_counters([series(_meter(2000, seed=1)[:, None]), series(swing[:, None], "b")]) == ()


def test_a_window_is_differenced_as_the_series() -> None:
    values = _with_meter(500, seed=1)
    transform = CounterTransform((2,))
    whole, window = transform.transform(values), transform.transform(values[100:164])
    np.testing.assert_array_equal(window[1:], whole[101:164])
    np.testing.assert_array_equal(window[:, [0, 1, 3]], values[100:164, [0, 1, 3]])
    assert window[0, 2] == window[1, 2]
    batch = transform.transform(np.stack([values[100:164], values[200:264]]))
    np.testing.assert_array_equal(batch[0], window)


def test_a_reset_is_a_missing_cell() -> None:
    values = np.array([[10.0], [11.0], [2.0], [3.0]], dtype=np.float32)
    np.testing.assert_array_equal(CounterTransform((0,)).transform(values)[:, 0], [1, 1, np.nan, 1])


def test_without_counters_values_stay_as_they_are() -> None:
    values = normal_rows(64, seed=1)
    transform = CounterTransform(())
    assert transform.identity
    assert transform.transform(values) is values


def test_a_counter_has_no_range_and_can_be_exchanged_but_not_stand_still() -> None:
    monitor = InstrumentMonitor(learn_limits([series(_with_meter(6000, seed=1))], INTERVAL_US, 5))
    assert monitor.limits.counters == (2,)
    live = _with_meter(2000, seed=4, start=60_000)
    live[1000:, 2] -= live[1000, 2]
    assert watch(monitor, live) == []
    live[1500:, 2] = live[1500, 2]
    findings = watch(monitor, live)
    assert {finding.sensor for finding in findings} == {2}
    assert findings[0].words(INTERVAL_US).startswith("stuck at ")


def test_the_newest_rows_of_a_window_are_those_of_the_whole_window() -> None:
    transform, window = CounterTransform((2,)), _with_meter(64, seed=3)
    for rows in (1, 8, 64):
        np.testing.assert_array_equal(transform.newest(window, rows), transform.transform(window)[-rows:])
    assert CounterTransform(()).newest(window, 8).shape == (8, window.shape[1])
