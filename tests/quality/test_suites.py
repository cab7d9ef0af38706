"""The detector on real labelled series. Floors, not targets: figures are in `docs/evaluation.md`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfstream.app.evaluated import FileResult
from tfstream.app.evaluation import EvaluationOptions, evaluate, prepare

pytestmark = [pytest.mark.quality, pytest.mark.slow]


def evaluated(path: Path, train_rows: int | None = None) -> FileResult:
    options = EvaluationOptions(train_rows=train_rows)
    return evaluate(prepare(path, options), options, lambda part: None)[0]


def test_telemetry_of_a_rover(labelled_data: Path) -> None:
    """55 channels, 883 rows to learn from, as the index beside the file says."""
    result = evaluated(labelled_data / "msl" / "003_MSL_id_2_Sensor_tr_883_1st_1238.parquet")
    assert (result.rows, result.train_rows, result.sensors) == (3535, 883, 55)
    ours = result.runs[0]
    share = result.anomalous_rows / result.rows
    assert ours.whole_series.vus_pr > 2 * share


def test_a_run_of_the_water_circulation_testbed(labelled_data: Path) -> None:
    """The first 400 rows to learn from, as its authors do."""
    result = evaluated(labelled_data / "skab" / "valve1_3.csv", train_rows=400)
    ours = result.runs[0]
    assert ours.whole_series.vus_pr > 0.8
    assert ours.alarms is not None
    assert ours.alarms.counts.events == 1
