"""Alarms beside the truth: what counts as found, as late, as false."""

from __future__ import annotations

from tfstream.demo.fault_outcomes import Comparison, DetectedEpisode, compare
from tfstream.demo.plant.faults import PlantFault, PlantFaultKind


def fault(start: int, end: int, asset: str = "one", sensors: tuple[str, ...] = ("b", "c")) -> PlantFault:
    return PlantFault(asset=asset, kind=PlantFaultKind.STUCK, sensors=sensors, start_us=start, end_us=end)


def alarm(
    start: int, end: int | None = None, asset: str = "one", sensors: tuple[str, ...] = ("b",)
) -> DetectedEpisode:
    return DetectedEpisode(
        episode=f"{asset}-{start}", asset=asset, start_us=start, end_us=end, sensors=sensors
    )


def judge(detections: list[DetectedEpisode], faults: list[PlantFault], early_us: int = 0) -> Comparison:
    return compare(detections, faults, grace_us=10, early_us=early_us)


def test_an_alarm_within_a_fault_finds_it_with_its_delay_and_rank() -> None:
    result = judge([alarm(130, 190, sensors=("x", "c", "b"))], [fault(100, 200)])
    (verdict,) = result.verdicts
    assert verdict.found
    assert verdict.delay_us == 30
    assert verdict.rank == 2
    assert result.found == 1
    assert result.false_alarms == ()


def test_without_an_alarm_a_fault_is_missed() -> None:
    (verdict,) = judge([], [fault(100, 200)]).verdicts
    assert not verdict.found
    assert verdict.delay_us is None
    assert verdict.rank is None


def test_the_first_alarm_sets_the_delay_and_a_second_is_not_false() -> None:
    late, early = alarm(180), alarm(120, 150)
    result = judge([late, early], [fault(100, 200)])
    assert result.verdicts[0].detections == (early, late)
    assert result.verdicts[0].delay_us == 20
    assert result.false_alarms == ()


def test_grace_reaches_past_the_end_and_no_further() -> None:
    inside, outside = alarm(209), alarm(210)
    assert judge([inside], [fault(100, 200)]).found == 1
    result = judge([outside], [fault(100, 200)])
    assert result.found == 0
    assert result.false_alarms == (outside,)


def test_an_alarm_that_was_up_before_the_fault_does_not_find_it() -> None:
    standing = alarm(50, 400)
    result = judge([standing], [fault(100, 200)])
    assert result.found == 0
    assert result.false_alarms == (standing,)


def test_early_tolerates_the_width_of_a_hop_and_counts_no_negative_delay() -> None:
    result = judge([alarm(95)], [fault(100, 200)], early_us=5)
    assert result.verdicts[0].delay_us == 0
    assert judge([alarm(94)], [fault(100, 200)], early_us=5).found == 0


def test_another_asset_s_alarm_is_false() -> None:
    stray = alarm(150, asset="two")
    result = judge([stray], [fault(100, 200)])
    assert result.found == 0
    assert result.false_alarms == (stray,)


def test_between_two_faults_the_later_one_gets_the_alarm() -> None:
    first, second = fault(100, 200), fault(205, 300)
    result = judge([alarm(207)], [first, second])
    assert [verdict.found for verdict in result.verdicts] == [False, True]


def test_equal_faults_on_two_assets_are_told_apart() -> None:
    result = judge([alarm(150, asset="two")], [fault(100, 200), fault(100, 200, asset="two")])
    assert [verdict.found for verdict in result.verdicts] == [False, True]


def test_a_rank_is_none_when_the_blame_is_wrong() -> None:
    (verdict,) = judge([alarm(150, sensors=("x", "y"))], [fault(100, 200)]).verdicts
    assert verdict.found
    assert verdict.rank is None
