"""The cases with seasons, of NAB and of the public suites."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.studies.quality.alarms import case_job
from tests.studies.quality.alarms.case_job import run_case
from tests.studies.quality.alarms.labelled_tables import files_in
from tests.studies.quality.alarms.methods import FittedAlarms, NamedAlarm
from tests.studies.quality.alarms.nab_cases import nab
from tests.studies.quality.alarms.registry import recipes
from tests.studies.quality.alarms.season_cases import FOLLOWING, SENSORS, shifts
from tests.studies.quality.alarms.suite_cases import labelled_suite
from tests.studies.quality.alarms.suite_figures import SuiteKey, add_up
from tests.studies.quality.settings import QualitySettings
from tfstream.core.reading import Series
from tfstream.errors import BadData, UsageError

PER_HOUR = 12
DAY, WEEK = 24 * PER_HOUR, 7 * 24 * PER_HOUR


def test_a_plant_with_shifts_has_days_nights_and_weekends() -> None:
    case = shifts(None, seed=0)
    normal = next(run for run in case.runs if run.part == "weekends")
    power = normal.series.values[:, SENSORS.index("power")]
    noon, night, sunday = (power[row::WEEK].mean() for row in (12 * PER_HOUR, 2 * PER_HOUR, 6 * DAY + 144))
    assert noon == pytest.approx(92, abs=4)
    assert night == pytest.approx(44, abs=4)
    assert sunday == pytest.approx(24, abs=4)
    assert len(case.learn[0].values) == 4 * WEEK == normal.first_row
    assert len(power) == 8 * WEEK


def test_the_faults_are_levels_of_other_hours_and_touch_what_they_name() -> None:
    case = shifts(None, seed=1)
    faulty, normal = case.runs[0], case.runs[1]
    changed = np.abs(faulty.series.values - normal.series.values)
    inside = np.zeros(len(changed), dtype=bool)
    for fault in faulty.faults:
        inside[fault.first : fault.stop] = True
        touched = {
            SENSORS[index] for index in np.flatnonzero(changed[fault.first : fault.stop].max(axis=0) > 0)
        }
        assert set(fault.sensors) <= touched
    tuesday = faulty.faults[0]
    assert tuesday.kind == "weekend's level on a Tuesday"
    assert (tuesday.first - 4 * WEEK) // DAY == 1
    assert tuesday.sensors == FOLLOWING
    power = faulty.series.values[tuesday.first : tuesday.stop, 0]
    assert power.mean() == pytest.approx(24, abs=3)
    assert not changed[: 4 * WEEK].any()
    assert not changed[~inside][:, SENSORS.index("outside_temp")].any()
    assert len({fault.kind for fault in faulty.faults}) == 6


def test_each_normal_hour_is_scored_in_one_part() -> None:
    case = shifts(None, seed=0)
    normal = [run.normal for run in case.runs[1:]]
    assert [run.part for run in case.runs[1:]] == ["Monday mornings", "weekends", "other normal hours"]
    assert [int(mask.sum()) for mask in normal] == [4 * 8 * PER_HOUR, 8 * DAY, 20 * DAY - 4 * 8 * PER_HOUR]
    assert not (normal[0] & normal[1]).any()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A file of NAB with a window, and a labelled suite."""
    (tmp_path / "nab").mkdir()
    times = pd.date_range("2014-04-01", periods=400, freq="5min")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"timestamp": times, "value": rng.normal(size=400)})
    frame.to_csv(tmp_path / "nab/realTraffic_speed.csv", index=False)
    windows = {"realTraffic_speed.csv": [[str(times[200]), str(times[219])]]}
    (tmp_path / "nab/windows.json").write_text(json.dumps(windows), encoding="utf-8")
    (tmp_path / "msl").mkdir()
    label = np.isin(np.arange(400), [50, 51, *range(300, 310)]).astype(int)
    frame.assign(label=label).to_csv(tmp_path / "msl/one.csv", index=False)
    (tmp_path / "msl/index.csv").write_text("series,train_rows\none,100\n", encoding="utf-8")
    return tmp_path


class _Every:
    """Raises an alarm at row 60 and at the first row of NAB's window, and counts its fits."""

    name = "every"
    fits: list[int]

    def __init__(self, fits: list[int]) -> None:
        self.fits = fits

    def fit(self, series: Any, definition: Any, seed: int, champion: FittedAlarms | None = None) -> _Every:
        self.fits.append(sum(len(piece.values) for piece in series))
        if not self.fits[-1]:
            raise BadData("too little to learn from")
        return self

    def alarms(self, series: Series, first_row: int) -> list[NamedAlarm]:
        return [
            NamedAlarm(first=row, raised=row + 1, stop=row + 2, sensors=(), witness="x")
            for row in (60, 200)
            if first_row <= row < len(series.values)
        ]


def test_nab_learns_its_probation_and_scores_one_detection_for_each_alarm(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits: list[int] = []
    monkeypatch.setattr(case_job, "METHODS", {"every": lambda: _Every(fits)})
    file = "realTraffic_speed.csv"
    result = run_case("nab", {"file": file, "refits": False}, "every", str(data))
    assert fits == [60]
    (run,) = result["runs"]
    assert run["nab"] == {"group": "realTraffic", "points": pytest.approx(0.89), "windows": 1}
    line = add_up(SuiteKey("NAB", "all files", "every"), [result])
    assert line["nab"] == {"all": pytest.approx(94.5), "realTraffic": pytest.approx(94.5)}
    refitted = run_case("nab", {"file": file, "refits": True}, "every", str(data))
    assert len(fits) == 1 + 1 + 11
    assert refitted["runs"][0]["nab"]["points"] == pytest.approx(0.89)


def test_a_case_of_nab_has_the_rows_of_its_windows(data: Path) -> None:
    case = nab(data, file="realTraffic_speed.csv", refits=True)
    (fault,) = case.runs[0].faults
    assert (fault.first, fault.stop) == (200, 220)
    assert case.refit_days * 12 == pytest.approx(case.history_days)
    assert case.nab


def test_a_labelled_suite_has_the_events_after_its_training_rows(data: Path) -> None:
    case = labelled_suite(data, suite="msl", file="one.csv", train_rows=None)
    assert [(fault.first, fault.stop) for fault in case.runs[0].faults] == [(300, 310)]
    assert len(case.learn[0].values) == case.runs[0].first_row == 100
    with pytest.raises(UsageError):
        labelled_suite(data, suite="skab", file="x.csv", train_rows=400)


def test_the_study_has_a_case_for_every_file(data: Path) -> None:
    assert files_in(data, "msl") == ["index.csv", "one.csv"]
    made = [recipe for recipe in recipes(QualitySettings(data=data)) if recipe.arguments.get("file")]
    files = [(recipe.suite, recipe.arguments["file"]) for recipe in made]
    assert ("suite msl", "one.csv") in files
    assert ("suite msl", "index.csv") not in files
    assert ("NAB, refitted", "realTraffic_speed.csv") in files
    assert len(files) == len(set(files))
