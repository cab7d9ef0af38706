"""Alarms compared with labelled faults: detected and missed faults, delays, false alarms."""

from __future__ import annotations

from tfstream.core.quality.event_quality import GRACE_ROWS
from tfstream.demo.fault_outcomes import Comparison, DetectedEpisode, compare, main_sensors_of
from tfstream.demo.plant.faults import PlantFault, PlantFaultKind


def fault(start: int, end: int, asset: str = "north", sensors: tuple[str, ...] = ("b", "c")) -> PlantFault:
    return PlantFault(asset=asset, kind=PlantFaultKind.STUCK, sensors=sensors, start_us=start, end_us=end)


def alarm(
    raised: int,
    end: int | None = None,
    asset: str = "north",
    sensors: tuple[str, ...] = ("b",),
    main: tuple[str, ...] | None = None,
) -> DetectedEpisode:
    return DetectedEpisode(
        episode=f"{asset}-{raised}",
        asset=asset,
        raised_us=raised,
        ended_us=end,
        sensors=sensors,
        main_sensors=sensors if main is None else main,
    )


def compare_all(detections: list[DetectedEpisode], faults: list[PlantFault]) -> Comparison:
    return compare(detections, faults, interval_us=1)


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


def test_an_alarm_counts_until_the_rows_of_grace_after_the_fault_have_passed() -> None:
    inside, outside = alarm(200 + GRACE_ROWS), alarm(201 + GRACE_ROWS)
    assert compare_all([inside], [fault(100, 200)]).found == 1
    result = compare_all([outside], [fault(100, 200)])
    assert result.found == 0
    assert result.false_alarms == (outside,)


def test_the_grace_is_in_rows_of_the_stream() -> None:
    inside, outside = alarm(2000 + 10 * GRACE_ROWS), alarm(2010 + 10 * GRACE_ROWS)
    assert compare([inside], [fault(1000, 2000)], interval_us=10).found == 1
    assert compare([outside], [fault(1000, 2000)], interval_us=10).found == 0


def test_an_alarm_raised_before_the_fault_does_not_detect_it() -> None:
    earlier = alarm(50, 400)
    result = compare_all([earlier], [fault(100, 200)])
    assert result.found == 0
    assert result.false_alarms == (earlier,)


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


def test_an_alarm_that_names_other_sensors_does_not_find_the_fault_and_is_not_hidden() -> None:
    other = alarm(150, sensors=("x", "y"))
    result = compare_all([other], [fault(100, 200)])
    (outcome,) = result.outcomes
    assert not outcome.found
    assert outcome.other_alarms == (other,)
    assert outcome.delay_us is None
    assert outcome.rank is None
    assert result.false_alarms == (other,)
    assert result.fault_during(other) is outcome.fault


def test_a_touched_sensor_that_is_listed_but_not_blamed_does_not_count() -> None:
    other = alarm(150, sensors=("x", "b"), main=("x",))
    result = compare_all([other], [fault(100, 200)])
    assert result.found == 0
    assert result.false_alarms == (other,)


def test_the_delay_runs_to_the_alarm_that_names_a_touched_sensor() -> None:
    other, right = alarm(110, sensors=("x",)), alarm(140, sensors=("b",))
    result = compare_all([other, right], [fault(100, 200)])
    assert result.outcomes[0].delay_us == 40
    assert result.outcomes[0].detections == (right,)
    assert result.false_alarms == (other,)
    assert result.fault_during(alarm(500)) is None


def test_an_alarm_during_a_fault_is_judged_by_that_fault_alone() -> None:
    first, second = fault(100, 200, sensors=("b",)), fault(300, 400, sensors=("c",))
    result = compare_all([alarm(350, sensors=("b",))], [first, second])
    assert result.found == 0
    assert [len(outcome.other_alarms) for outcome in result.outcomes] == [0, 1]


def test_the_figures_over_all_faults() -> None:
    faults = [fault(100, 200), fault(300, 400), fault(500, 600)]
    alarms = [alarm(130, sensors=("x", "b")), alarm(310)]
    result = compare_all(alarms, faults)
    assert (result.found, result.ranked_first, result.median_delay_us) == (2, 1, 20)
    assert compare_all([], faults).median_delay_us is None


def test_an_episode_blames_its_first_sensor_and_those_with_a_large_share() -> None:
    assert main_sensors_of([("a", 0.5), ("b", 0.3), ("c", 0.1)]) == ("a", "b")
    assert main_sensors_of([("a", 0.15), ("b", 0.1)]) == ("a",)
    assert main_sensors_of([]) == ()
