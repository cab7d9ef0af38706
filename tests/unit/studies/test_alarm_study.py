"""The study of alarms: faults put into normal rows, alarms matched to faults, refits, the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.studies.quality.alarms.alarm_tables import section
from tests.studies.quality.alarms.alarm_targets import target_table
from tests.studies.quality.alarms.cases import AlarmCase, CaseRun, LabelledFault
from tests.studies.quality.alarms.demo_plant_cases import averaged, demo_plant
from tests.studies.quality.alarms.measure_run import FoundFault, measure_run
from tests.studies.quality.alarms.methods import FittedAlarms, NamedAlarm
from tests.studies.quality.alarms.new_plant_cases import new_plant
from tests.studies.quality.alarms.pictured_faults import draw, pictured
from tests.studies.quality.alarms.refitted import Refitted
from tests.studies.quality.alarms.registry import MAKERS, recipes
from tests.studies.quality.alarms.sensor_faults import KINDS, MAIN_KINDS, FaultPlan, inject
from tests.studies.quality.alarms.suite_figures import ALL, SuiteKey, add_up
from tests.studies.quality.settings import QualitySettings
from tests.studies.simulated_readings import names, readings, series
from tfstream.core.reading import Series
from tfstream.core.stream import MICROSECONDS, StreamDefinition

ROWS, SENSORS = 6000, 5
DAY_ROWS = 24 * 60
NORMAL = series(readings(ROWS, SENSORS) + 3)


def alarm(first: int, raised: int, stop: int, *sensors: str) -> NamedAlarm:
    return NamedAlarm(first=first, raised=raised, stop=stop, sensors=sensors, witness="score")


def run_of(*faults: LabelledFault, rows: int = 1000, first_row: int = 0) -> CaseRun:
    part = Series("x", np.arange(rows, dtype=np.int64) * MICROSECONDS, np.zeros((rows, 2), np.float32))
    return CaseRun(name="run", part="part", series=part, first_row=first_row, faults=faults)


FAULT = LabelledFault(kind="stuck", first=400, stop=500, sensors=("s0",))


class TestInjectedFaults:
    @pytest.mark.parametrize("kind", KINDS)
    def test_only_the_named_sensor_changes_and_only_within_the_fault(self, kind: str) -> None:
        plan = FaultPlan(kinds=[kind] * 5, rows=200, apart=300)
        rng = np.random.default_rng(0)
        shown, faults = inject(NORMAL, names(SENSORS), plan, np.ones(ROWS, np.bool_), rng)
        assert len(faults) == 5
        changed = shown.values != NORMAL.values
        for fault in faults:
            sensor = names(SENSORS).index(fault.sensors[0])
            within = changed[fault.first : fault.stop]
            assert within[:, sensor].any()
            changed[fault.first : fault.stop, sensor] = False
        assert not changed.any()

    def test_faults_lie_apart_and_avoid_rows_that_are_not_usable(self) -> None:
        usable = np.ones(ROWS, np.bool_)
        usable[2000:3000] = False
        plan = FaultPlan(kinds=MAIN_KINDS * 3, rows=100, apart=150)
        _, faults = inject(NORMAL, names(SENSORS), plan, usable, np.random.default_rng(1))
        assert len(faults) > 10
        assert all(later.first - fault.stop >= 150 for fault, later in pairwise(faults))
        assert all(fault.stop + 150 <= 2000 or fault.first - 150 >= 3000 for fault in faults)

    def test_sizes_are_in_deviations_of_the_sensor(self) -> None:
        plan = FaultPlan(kinds=["offset 2 sd", "drift to 4 sd"], rows=100, apart=100)
        shown, faults = inject(
            NORMAL, names(SENSORS), plan, np.ones(ROWS, np.bool_), np.random.default_rng(2)
        )
        for fault in faults:
            sensor = names(SENSORS).index(fault.sensors[0])
            change = (shown.values - NORMAL.values)[fault.stop - 1, sensor]
            deviation = NORMAL.values[:, sensor].std()
            assert abs(change) == pytest.approx((2 if "offset" in fault.kind else 4) * deviation, rel=1e-3)

    def test_a_constant_sensor_gets_no_fault(self) -> None:
        values = NORMAL.values.copy()
        values[:, 1:] = 7.0
        plan = FaultPlan(kinds=MAIN_KINDS, rows=100, apart=100)
        _, faults = inject(
            series(values), names(SENSORS), plan, np.ones(ROWS, np.bool_), np.random.default_rng(3)
        )
        assert {fault.sensors for fault in faults} == {("s0",)}


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
        "runs": [{**run, "normal_rows": week, "stood": week // 10}],
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


@dataclass
class RecordingMethod:
    """Remembers what it learnt; it raises one alarm in every span that it is given."""

    name: str = "recording"
    learnt: list[list[Series]] = field(default_factory=list)

    def fit(
        self,
        series: Sequence[Series],
        definition: StreamDefinition,
        seed: int,
        champion: FittedAlarms | None = None,
    ) -> FittedAlarms:
        self.learnt.append(list(series))
        return self

    def alarms(self, series: Series, first_row: int) -> list[NamedAlarm]:
        return [alarm(first_row + 600, first_row + 608, first_row + 700, "s0")]


def test_the_picture_shows_the_first_fault_of_its_kinds(tmp_path: Path) -> None:
    plan = FaultPlan(kinds=["stuck", "drift to 4 sd", "stuck"], rows=200, apart=300)
    rng = np.random.default_rng(0)
    shown, faults = inject(NORMAL, names(SENSORS), plan, np.ones(ROWS, np.bool_), rng)
    run = CaseRun(name="x", part="part", series=shown, faults=faults, clean=NORMAL.values)
    stuck = next(fault for fault in faults if fault.kind == "stuck")
    drift, first_stuck = pictured(
        run, names(SENSORS), [alarm(stuck.first, stuck.first + 8, stuck.stop, "s9")]
    )
    assert (drift["kind"], first_stuck["sensor"]) == ("drift to 4 sd", stuck.sensors[0])
    first, stop = first_stuck["fault"]
    assert first_stuck["alarms"] == [[first + 8, stop, "s9"]]
    assert first_stuck["shown"][:first] == first_stuck["true"][:first]
    draw([drift, first_stuck], 60 * MICROSECONDS, tmp_path / "alarms.svg")
    assert "stuck" in (tmp_path / "alarms.svg").read_text(encoding="utf-8")


class TestRefits:
    case = AlarmCase(
        definition=StreamDefinition(topic="t", sensors=("s0", "s1"), interval_us=60 * MICROSECONDS),
        learn=[],
        runs=[
            CaseRun(
                name="x",
                part="part",
                series=Series(
                    "x",
                    np.arange(5 * DAY_ROWS, dtype=np.int64) * 60 * MICROSECONDS,
                    np.zeros((5 * DAY_ROWS, 2), np.float32),
                ),
                first_row=2 * DAY_ROWS,
            )
        ],
        refit_days=1,
    )

    def test_each_refit_leaves_out_the_alarms_with_a_window_of_margin(self) -> None:
        method = RecordingMethod()
        (raised,) = Refitted(method=method, case=self.case).alarms(method)
        assert [alarm.first for alarm in raised] == [day * DAY_ROWS + 600 for day in (2, 3, 4)]
        first = method.learnt[0]
        assert [len(piece.values) for piece in first] == [2 * DAY_ROWS + 536, DAY_ROWS - 764]
        assert len(method.learnt[-1]) == 4

    def test_an_alarm_that_stands_at_a_refit_goes_on(self) -> None:
        @dataclass
        class Standing(RecordingMethod):
            def alarms(self, series: Series, first_row: int) -> list[NamedAlarm]:
                return [alarm(first_row, first_row + 8, len(series.values), "s0")]

        method = Standing()
        (raised,) = Refitted(method=method, case=self.case).alarms(method)
        assert [(one.first, one.stop) for one in raised] == [(2 * DAY_ROWS, 5 * DAY_ROWS)]
        assert all(len(pieces) == 1 for pieces in method.learnt)  # an open alarm has no end yet


class TestCases:
    def test_faults_keep_their_time_at_every_sampling(self) -> None:
        minute = demo_plant(None, seed=0, interval_s=60, learn_days=0.25)
        means = demo_plant(None, seed=0, interval_s=60, learn_days=0.25, average=5)
        assert sum(len(run.faults) for run in minute.runs) == 8
        for fine, coarse in zip(minute.runs, means.runs, strict=True):
            assert [fault.first // 5 for fault in fine.faults] == [fault.first for fault in coarse.faults]
            assert len(fine.series.values) == 5 * len(coarse.series.values)

    def test_means_of_rows(self) -> None:
        part = Series("x", np.arange(7, dtype=np.int64), np.arange(14, dtype=np.float32).reshape(7, 2))
        assert averaged(part, 3).values.tolist() == [[2, 3], [8, 9]]
        assert averaged(part, 3).times_us.tolist() == [0, 3]

    def test_a_ridge_on_the_other_sensors_separates_the_faults_of_the_new_plant(self) -> None:
        case = new_plant(None, seed=0)
        sensors = case.definition.sensors
        for run, learnt in zip(case.runs, case.learn, strict=True):
            mean, deviation = learnt.values.mean(axis=0), learnt.values.std(axis=0)
            standard, shown = (learnt.values - mean) / deviation, (run.series.values - mean) / deviation
            for fault in run.faults:
                sensor = sensors.index(fault.sensors[0])
                others = np.delete(np.arange(len(sensors)), sensor)
                known = standard[:, others]
                ridge = np.linalg.solve(
                    known.T @ known + 50 * np.eye(len(others)), known.T @ standard[:, sensor]
                )
                error = np.convolve(shown[:, sensor] - shown[:, others] @ ridge, np.ones(30) / 30, "same")
                normal = np.abs(error[run.normal]).max()
                assert np.abs(error[fault.first : fault.stop]).max() > 1.2 * normal, (
                    fault,
                    normal,
                    np.abs(error[fault.first : fault.stop]).max(),
                )

    def test_every_recipe_has_a_maker_and_a_reduced_run_has_fewer(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TFSTREAM_TEP_RUNS", "more")
        whole = recipes(QualitySettings(data=None))
        assert {recipe.maker for recipe in whole} == set(MAKERS)
        assert len(recipes(QualitySettings(data=None, files=1))) < len(whole) / 3
