"""Detection limits beside those of a champion, and beside chance."""

from __future__ import annotations

import pytest

from tfstream.core.faults.sensor_faults import SensorFault
from tfstream.core.learning.detection_limits import (
    DetectionLimits,
    FaultLimit,
    SensorLimits,
    from_metrics,
)
from tfstream.core.learning.limit_checks import limit_checks, limit_warnings
from tfstream.core.learning.promotion_rule import GateCheck

NOTHING = FaultLimit()


def limits(offset: float | None, *, stuck: float | None = 60.0, sensors: int = 4) -> DetectionLimits:
    """Sensors that are all alike; None: not found."""
    own = {
        SensorFault.OFFSET.value: FaultLimit(deviations=offset, size=offset),
        SensorFault.STUCK.value: FaultLimit(after_s=stuck),
    }
    return DetectionLimits(
        within_s=28_800.0,
        budget_per_week=1.0,
        sites=3,
        assets=("x",),
        largest=8.0,
        sensors=tuple(
            SensorLimits(sensor=f"s{number}", deviation=1.0, limits=own, predicted=number / 4)
            for number in range(sensors)
        ),
        untested=(),
        compared=True,
    )


def checked(champion: DetectionLimits, challenger: DetectionLimits, *, keeps: bool = True) -> list[GateCheck]:
    return limit_checks(champion, challenger, champion_keeps_budget=keeps)


@pytest.mark.parametrize(
    ("offset", "factor", "holds"), [(1.0, 1.0, True), (1.2, 1.2, True), (1.4, 1.4, False), (0.5, 0.5, True)]
)
def test_a_clearly_blinder_challenger_does_not_hold(offset: float, factor: float, holds: bool) -> None:
    decisive = checked(limits(1.0), limits(offset))[0]
    assert decisive.challenger == pytest.approx(factor)
    assert decisive.holds is holds


def test_a_fault_that_is_not_found_counts_as_the_next_larger_size() -> None:
    assert checked(limits(8.0), limits(None))[0].challenger == pytest.approx(2**0.5)
    assert checked(limits(None), limits(None))[0].challenger == pytest.approx(1.0)


def test_losing_stuck_sensors_does_not_hold() -> None:
    share = checked(limits(1.0), limits(1.0, stuck=None))[-1]
    assert (share.champion, share.challenger, share.holds) == (1.0, 0.0, False)


def test_a_champion_that_breaks_the_budget_decides_nothing() -> None:
    checks = checked(limits(1.0), limits(8.0, stuck=None), keeps=False)
    assert {check.holds for check in checks} == {None}
    assert "not decisive" in checks[0].wanted


def test_sensors_that_only_one_model_was_tested_on_are_not_compared() -> None:
    assert checked(limits(1.0, sensors=0), limits(8.0)) == []


def test_a_kind_that_no_sensor_shows_is_named() -> None:
    (warning,) = limit_warnings(limits(None))
    assert warning.startswith("offset: found in 0 of 4 sensors within 8 h")
    assert not limit_warnings(limits(8.0))


def test_a_few_sensors_may_be_found_by_chance() -> None:
    """Of 100 sensors, a false alarm a week is in the 8 hours of five."""
    many = limits(None, sensors=100)
    found = limits(1.0, sensors=100)
    some = [*found.sensors[:5], *many.sensors[5:]]
    assert DetectionLimits.found_by_chance(_with(many, some), SensorFault.OFFSET)
    most = [*found.sensors[:20], *many.sensors[20:]]
    assert not DetectionLimits.found_by_chance(_with(many, most), SensorFault.OFFSET)


def _with(each: DetectionLimits, sensors: list[SensorLimits]) -> DetectionLimits:
    return DetectionLimits(
        **{name: getattr(each, name) for name in each.__struct_fields__ if name != "sensors"},
        sensors=tuple(sensors),
    )


def test_metrics_hold_the_limits_and_the_sensors_without_a_voucher() -> None:
    stored = limits(1.0).as_metrics()
    assert stored["unpredicted"] == ["s0"]  # the others predict 0, 25, 50 and 75 per cent
    assert from_metrics({"detection_limits": stored}) == limits(1.0)
    assert from_metrics({}) is None
