"""Faults put into normal rows, and the picture of two of them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.studies.quality.alarms.cases import CaseRun
from tests.studies.quality.alarms.pictured_faults import draw, pictured
from tests.studies.quality.alarms.sensor_faults import KINDS, MAIN_KINDS, FaultPlan, inject
from tests.studies.simulated_readings import names, readings, series
from tests.unit.studies.alarms.alarms_in_rows import alarm
from tfstream.core.stream import MICROSECONDS

ROWS, SENSORS = 6000, 5
NORMAL = series(readings(ROWS, SENSORS) + 3)


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
