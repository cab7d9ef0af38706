"""What is learnt from normal series, and which checks are left off."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.core.instruments.watched_sensors import (
    INTERVAL_US,
    STALENESS_ROWS,
    learn,
    normal_rows,
    series,
    watch,
)
from tfstream.core.instruments.instrument_check import CheckOff, InstrumentCheck
from tfstream.core.instruments.instrument_limits import InstrumentLimits
from tfstream.core.instruments.instrument_monitor import InstrumentMonitor
from tfstream.core.instruments.learn_limits import learn_limits
from tfstream.core.reading import Values

_SWITCH = 3


def _learn(values: Values) -> InstrumentLimits:
    return learn_limits([series(values)], INTERVAL_US, STALENESS_ROWS)


def test_a_switch_has_no_checks_and_the_reason_says_why() -> None:
    reasons = {check.reason for check in learn().disabled() if check.sensor == _SWITCH and check.asset == "a"}
    assert reasons == {CheckOff.FEW_VALUES}
    assert CheckOff.FEW_VALUES.words == "the sensor is a switch or a set point: it has few values"


def test_a_limit_that_does_not_hold_on_the_later_rows_is_off() -> None:
    values = normal_rows(6000, seed=1)
    values[4500:, 1] += 200
    assert learn().off[0, InstrumentCheck.HIGH, 1] == CheckOff.ON
    assert _learn(values).off[0, InstrumentCheck.HIGH, 1] == CheckOff.EXCEEDED


def test_a_sensor_whose_runs_are_heavy_tailed_has_no_alarm_of_being_stuck() -> None:
    rng = np.random.default_rng(2)
    lengths = np.ceil(rng.pareto(0.8, 4000)).astype(int) + 1
    levels = np.repeat(rng.normal(size=len(lengths)), np.minimum(lengths, 3000))[:40_000]
    values = normal_rows(40_000, seed=1)
    values[:, 0] = levels
    monitor = InstrumentMonitor(_learn(values[:20_000]))
    assert [finding for finding in watch(monitor, values[20_000:]) if finding.sensor == 0] == []


def test_a_sensor_that_changes_slowly_is_learnt_so() -> None:
    values = normal_rows(6000, seed=1)
    values[:, 0] = np.repeat(values[::20, 0], 20)
    monitor = InstrumentMonitor(_learn(values))
    live = normal_rows(2000, seed=7)
    live[:, 0] = np.repeat(live[::20, 0], 20)
    assert watch(monitor, live) == []
    live[800:1600, 0] = live[800, 0]
    findings = watch(monitor, live)
    assert {finding.sensor for finding in findings} == {0}
    assert 820 < findings[0].row < 960


def test_a_sensor_that_wanders_is_not_out_of_range_when_it_wanders_on() -> None:
    values = normal_rows(12_000, seed=1)
    values[:, 0] = np.cumsum(np.random.default_rng(4).normal(size=12_000))
    monitor = InstrumentMonitor(_learn(values[:6000]))
    assert watch(monitor, values[6000:]) == []


def test_a_slow_tag_is_learnt_as_slow() -> None:
    """A value a minute beside values a second; the missing cells carry the last value for five rows."""
    values = normal_rows(6000, seed=1)
    slow = np.full_like(values[:, 0], np.nan)
    for lag in range(STALENESS_ROWS + 1):
        slow[lag::60] = values[::60, 0][: len(slow[lag::60])]
    values[:, 0] = slow
    limits = _learn(values)
    assert limits.longest_gap_rows("a", 0) == 59
    assert limits.longest_gap_rows("a", 1) == 0
    assert watch(InstrumentMonitor(limits), values) == []


def test_a_slow_tag_that_is_stuck_is_found() -> None:
    values = normal_rows(6000, seed=1)
    values[np.arange(6000) % 60 != 0, 0] = np.nan
    monitor = InstrumentMonitor(_learn(values))
    values[3000:5000:60, 0] = values[3000, 0]
    findings = watch(monitor, values[:5000])
    assert findings
    assert {finding.sensor for finding in findings} == {0}
    assert abs(findings[0].since_row - 3000) <= 60


def test_every_asset_with_enough_rows_has_limits_of_its_own() -> None:
    few = normal_rows(500, seed=3)
    limits = learn_limits(
        [series(normal_rows(6000, seed=1), "b"), series(few, "c")], INTERVAL_US, STALENESS_ROWS
    )
    assert limits.assets == ("b",)
    assert limits.row_of("b") == 0
    assert limits.row_of("c") == limits.row_of("unknown") == 1


def test_limits_survive_their_bytes() -> None:
    limits = learn()
    again = InstrumentLimits.decode(limits.encode())
    assert again.encode() == limits.encode()
    assert again.assets == limits.assets
    np.testing.assert_array_equal(again.records, limits.records)


def test_bytes_that_are_no_limits_are_refused() -> None:
    with pytest.raises(ValueError, match="no limits"):
        InstrumentLimits.decode(b"\x80")


def test_nothing_can_be_learnt_from_no_rows() -> None:
    with pytest.raises(ValueError, match="no rows"):
        learn_limits([], INTERVAL_US, STALENESS_ROWS)


def test_a_sensor_without_values_has_no_checks() -> None:
    values = normal_rows(6000, seed=1)
    values[:, 2] = np.nan
    limits = _learn(values)
    assert (limits.off[0, :, 2] == CheckOff.NO_VALUES).all()
    assert not [check for check in limits.disabled() if check.sensor == 2]


@pytest.mark.parametrize("rows", [1, 2, 3, 40, 200])
def test_few_rows_give_limits_too(rows: int) -> None:
    values = normal_rows(rows, seed=1)
    values[:, 2] = np.inf
    limits = _learn(values)
    assert limits.assets == ()
    assert np.isfinite(limits.records).all()
    assert np.isfinite(limits.scales).all()
    watch(InstrumentMonitor(limits), normal_rows(200, seed=2))


def test_a_sensor_that_often_rests_at_zero_is_not_dead() -> None:
    """Noise around zero that cannot be negative: every other row is zero, and runs of zeros are geometric."""
    values = normal_rows(40_000, seed=1)
    values[:, 0] = np.maximum(np.random.default_rng(6).normal(size=40_000), 0)
    monitor = InstrumentMonitor(_learn(values[:20_000]))
    assert watch(monitor, values[20_000:]) == []
