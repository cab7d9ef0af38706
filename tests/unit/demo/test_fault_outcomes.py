"""Alarms compared with labelled faults: detected and missed faults, delays, false alarms."""

from __future__ import annotations

from tfstream.demo.fault_outcomes import Comparison, DetectedEpisode, compare
from tfstream.demo.plant.faults import PlantFault, PlantFaultKind


def fault(start: int, end: int, asset: str = "north", sensors: tuple[str, ...] = ("b", "c")) -> PlantFault:
    return PlantFault(asset=asset, kind=PlantFaultKind.STUCK, sensors=sensors, start_us=start, end_us=end)


def alarm(
    start: int, end: int | None = None, asset: str = "north", sensors: tuple[str, ...] = ("b",)
) -> DetectedEpisode:
    return DetectedEpisode(
        episode=f"{asset}-{start}", asset=asset, start_us=start, end_us=end, sensors=sensors
    )


def compare_all(detections: list[DetectedEpisode], faults: list[PlantFault], early_us: int = 0) -> Comparison:
    return compare(detections, faults, grace_us=10, early_us=early_us)


def test_an_alarm_within_a_fault_detects_it_with_its_delay_and_rank() -> None:
    result = compare_all([alarm(130, 190, sensors=("x", "c", "b"))], [fault(100, 200)])
    (outcome,) = result.outcomes
    assert outcome.found
    assert outcome.delay_us == 30
    assert outcome.rank == 2
    assert result.found == 1
    assert result.false_alarms == ()


def test_without_an_alarm_a_fault_is_missed() -> None:
    (outcome,) = compare_all([], [fault(100, 200)]).outcomes
    assert not outcome.found
    assert outcome.delay_us is None
    assert outcome.rank is None


def test_the_first_alarm_sets_the_delay_and_the_second_is_not_false() -> None:
    late, early = alarm(180), alarm(120, 150)
    result = compare_all([late, early], [fault(100, 200)])
    assert result.outcomes[0].detections == (early, late)
    assert result.outcomes[0].delay_us == 20
    assert result.false_alarms == ()


def test_the_grace_time_follows_the_end_of_the_fault() -> None:
    inside, outside = alarm(209), alarm(210)
    assert compare_all([inside], [fault(100, 200)]).found == 1
    result = compare_all([outside], [fault(100, 200)])
    assert result.found == 0
    assert result.false_alarms == (outside,)


def test_an_alarm_raised_before_the_fault_does_not_detect_it() -> None:
    earlier = alarm(50, 400)
    result = compare_all([earlier], [fault(100, 200)])
    assert result.found == 0
    assert result.false_alarms == (earlier,)


def test_an_early_alarm_counts_within_the_tolerance_and_has_no_negative_delay() -> None:
    result = compare_all([alarm(95)], [fault(100, 200)], early_us=5)
    assert result.outcomes[0].delay_us == 0
    assert compare_all([alarm(94)], [fault(100, 200)], early_us=5).found == 0


def test_an_alarm_of_another_asset_is_false() -> None:
    false_alarm = alarm(150, asset="south")
    result = compare_all([false_alarm], [fault(100, 200)])
    assert result.found == 0
    assert result.false_alarms == (false_alarm,)


def test_an_alarm_belongs_to_the_later_of_two_faults() -> None:
    first, second = fault(100, 200), fault(205, 300)
    result = compare_all([alarm(207)], [first, second])
    assert [outcome.found for outcome in result.outcomes] == [False, True]


def test_faults_at_the_same_time_on_two_assets_are_distinguished() -> None:
    result = compare_all([alarm(150, asset="south")], [fault(100, 200), fault(100, 200, asset="south")])
    assert [outcome.found for outcome in result.outcomes] == [False, True]


def test_the_rank_is_none_when_the_alarm_names_other_sensors() -> None:
    (outcome,) = compare_all([alarm(150, sensors=("x", "y"))], [fault(100, 200)]).outcomes
    assert outcome.found
    assert outcome.rank is None
