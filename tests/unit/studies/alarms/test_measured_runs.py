"""Alarms matched to faults, figures, targets and the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.studies.quality.alarms.alarm_tables import section
from tests.studies.quality.alarms.alarm_targets import target_table
from tests.studies.quality.alarms.cases import CaseRun, LabelledFault
from tests.studies.quality.alarms.measure_run import FoundFault, measure_run
from tests.studies.quality.alarms.methods import NamedAlarm
from tests.studies.quality.alarms.suite_figures import ALL, SuiteKey, add_up
from tests.unit.studies.alarms.alarms_in_rows import alarm
from tfstream.core.reading import Series
from tfstream.core.stream import MICROSECONDS

DAY_ROWS = 24 * 60


def run_of(*faults: LabelledFault, rows: int = 1000, first_row: int = 0) -> CaseRun:
    part = Series("x", np.arange(rows, dtype=np.int64) * MICROSECONDS, np.zeros((rows, 2), np.float32))
    return CaseRun(name="run", part="part", series=part, first_row=first_row, faults=faults)


FAULT = LabelledFault(kind="stuck", first=400, stop=500, sensors=("s0",))


class TestMeasuredRuns:
    def outcome(self, *alarms: NamedAlarm, fault: LabelledFault = FAULT) -> FoundFault:
        return measure_run(run_of(fault), alarms).faults[0]

    def test_an_alarm_that_names_the_sensor_finds_the_fault(self) -> None:
        found = self.outcome(alarm(416, 424, 440, "s0", "s1"))
        assert found == FoundFault(kind="stuck", delay=24, any_delay=24, right_first=True)

    def test_an_alarm_for_another_sensor_is_counted_apart(self) -> None:
        found = self.outcome(alarm(408, 416, 420, "s1"), alarm(440, 448, 480, "s1", "s0"))
        assert found == FoundFault(kind="stuck", delay=48, any_delay=16, right_first=False)

    def test_a_long_list_of_sensors_finds_nothing(self) -> None:
        found = self.outcome(alarm(408, 416, 420, "s1", "s2", "s3", "s0"))
        assert (found.delay, found.any_delay) == (None, 16)

    def test_an_alarm_raised_before_the_fault_does_not_find_it(self) -> None:
        run = run_of(FAULT)
        result = measure_run(run, [alarm(300, 308, 480, "s0")])
        assert (result.faults[0].any_delay, result.false_alarms) == (None, 1)
        assert result.stood == 100  # of the normal rows
        assert result.longest == 180

    def test_an_alarm_counts_until_16_rows_after_the_fault(self) -> None:
        assert self.outcome(alarm(504, 516, 520, "s0")).delay == 116
        assert self.outcome(alarm(504, 517, 520, "s0")).any_delay is None

    def test_every_alarm_counts_where_nobody_knows_the_sensors(self) -> None:
        unknown = LabelledFault(kind="incident", first=400, stop=500)
        found = self.outcome(alarm(408, 416, 420, "s1"), fault=unknown)
        assert found == FoundFault(kind="incident", delay=16, any_delay=16, right_first=None)

    def test_rows_of_context_faults_and_rows_without_a_verdict_are_not_normal(self) -> None:
        unscored = np.zeros(1000, np.bool_)
        unscored[900:] = True
        run = CaseRun(**{**vars(run_of(FAULT, first_row=100)), "unscored": unscored})
        result = measure_run(run, [alarm(950, 960, 970, "s0")])
        assert (result.normal_rows, result.false_alarms) == (1000 - 100 - 116 - 100, 0)


def result_of(*faults: FoundFault, false_alarms: int = 2, part: str = "part") -> dict[str, object]:
    week = 7 * DAY_ROWS
    run = {"part": part, "faults": [vars_of(fault) for fault in faults], "false_alarms": false_alarms}
    return {
        "runs": [{**run, "normal_rows": week, "stood": week // 10, "longest": 90}],
        "interval_us": 60 * MICROSECONDS,
        "budget": 1.0,
        "seconds": 1.0,
    }


def vars_of(fault: FoundFault) -> dict[str, object]:
    return {name: getattr(fault, name) for name in ("kind", "delay", "any_delay", "right_first")}


def found(delay: int | None) -> FoundFault:
    return FoundFault(kind="stuck", delay=delay, any_delay=delay, right_first=None if delay is None else True)


KEY = SuiteKey("suite", "part", "tfstream")


class TestFigures:
    def test_a_missed_fault_counts_in_the_delays(self) -> None:
        line = add_up(KEY, [result_of(found(10), found(20), found(None), found(300))])
        (total,) = line["found"]
        assert (total["kind"], total["faults"], total["found"], total["within_4h"]) == (ALL, 4, 3, 2)
        assert (total["median_minutes"], total["p75_minutes"]) == (20, 300)
        (total,) = add_up(KEY, [result_of(found(10), found(None), found(None))])["found"]
        assert total["median_minutes"] is None

    def test_false_alarms_of_several_results_are_added_up(self) -> None:
        false = add_up(KEY, [result_of(), result_of(false_alarms=4)])["false"]
        assert (false["count"], false["weeks"], false["realised"]) == (6, 2.0, 3.0)
        assert (false["low"], false["high"]) == pytest.approx((2.202 / 2, 13.06 / 2), rel=1e-3)

    @pytest.mark.parametrize(("delays", "verdict"), [((10, 20), "met"), ((None, 20), "**missed**")])
    def test_a_target_is_met_by_all_faults(self, delays: Sequence[int | None], verdict: str) -> None:
        key = SuiteKey("demo plant, 60 s", "schedule", "tfstream")
        line = add_up(key, [result_of(*map(found, delays), part="schedule")])
        table = target_table([line], "tfstream").splitlines()
        (row,) = [row for row in table if "share found" in row]
        assert row.endswith(f"| {verdict} |")

    def test_the_product_stands_beside_its_peers(self) -> None:
        results = {"tfstream": (10, 20, None), "CVA": (30, 40, None), "random cut forest": (10, 10, 50)}
        lines = [
            add_up(
                SuiteKey("Tennessee Eastman", "disturbances", method),
                [result_of(*map(found, delays), part="disturbances")],
            )
            for method, delays in results.items()
        ]
        rows = [row for row in target_table(lines, "tfstream").splitlines() if "beside" in row]
        verdicts = {peer: [row.endswith("| met |") for row in rows if peer in row] for peer in results}
        assert verdicts["CVA"] == [True] * 4
        assert verdicts["random cut forest"] == [False, False, False, False]

    def test_the_page_shows_before_above_after(self) -> None:
        line = {**add_up(KEY, [result_of(found(10))]), "commit": "new"}
        before = {**add_up(KEY, [result_of(found(None))]), "commit": "old"}
        rows = [
            row for row in section({"lines": [line], "before": [before]}).splitlines() if "suite: " in row
        ]
        assert [row.split(" | ")[1:3] for row in rows] == [
            ["tfstream, before", "0 of 1"],
            ["tfstream", "1 of 1"],
        ]
