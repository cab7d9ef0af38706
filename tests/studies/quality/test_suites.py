"""The detector on real labelled series stays above floors a little below the figures of `docs/quality.md`.

The floors detect a change that breaks the detector; the quality study measures how good it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.studies.quality.labelled_files import SUITES, files_of
from tests.studies.quality.settings import QualitySettings
from tfstream.app.evaluation.evaluate import evaluate
from tfstream.app.evaluation.evaluation_options import EvaluationOptions
from tfstream.app.evaluation.labelled_series import prepare

pytestmark = [pytest.mark.quality, pytest.mark.slow]


class Floor(NamedTuple):
    """The lowest accepted VUS-PR of seed 0 under both protocols, and the expected shape of the file."""

    file: str
    train_rows: int | None  # None: from the index beside the file
    shape: tuple[int, int, int]  # rows, training rows, sensors
    events: int  # in the test rows
    whole_series: float
    test_rows: float


FLOORS = (
    Floor("msl/002_MSL_id_1_Sensor_tr_500_1st_900.parquet", None, (1827, 500, 55), 1, 0.85, 0.85),
    Floor("msl/003_MSL_id_2_Sensor_tr_883_1st_1238.parquet", None, (3535, 883, 55), 2, 0.12, 0.14),
    Floor("skab/valve1_3.csv", 400, (1148, 400, 8), 1, 0.95, 0.95),
    Floor("asd/omi-1.parquet", None, (12960, 8640, 19), 7, 0.11, 0.21),
)


@pytest.mark.parametrize("floor", FLOORS, ids=lambda floor: floor.file)
def test_the_detector_stays_above_its_floor(labelled_data: Path, floor: Floor) -> None:
    options = EvaluationOptions(train_rows=floor.train_rows)
    result, _ = evaluate(prepare(labelled_data / floor.file, options), options, lambda part: None)
    assert (result.rows, result.train_rows, result.sensors) == floor.shape
    (run,) = result.runs
    assert run.whole_series.vus_pr >= floor.whole_series
    assert run.test_rows.vus_pr >= floor.test_rows
    assert run.alarms is not None
    assert run.alarms.counts.events == floor.events


def test_the_suites_are_whole(labelled_data: Path) -> None:
    """The number of files of each suite; SKAB's normal run has no labels and is no part of the suite."""
    settings = QualitySettings(data=labelled_data)
    assert [len(files_of(suite, settings)) for suite in SUITES] == [14, 34, 6]
    names = [file.path.stem for file in files_of("skab", settings)]
    assert names[:3] == ["valve1_0", "valve1_1", "valve1_2"]
    assert names.index("valve1_10") == 10
    assert "normal" not in names
    assert len(files_of("skab", settings, every=3)) == 12
