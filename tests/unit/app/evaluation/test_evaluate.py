"""`tfstream evaluate` on a small labelled file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from tests.unit.app.evaluation.pump_file import ROWS, TRAIN, labelled_file
from tfstream.app.evaluation import detector_run
from tfstream.app.evaluation.evaluate import evaluate
from tfstream.app.evaluation.evaluation_options import EvaluationOptions
from tfstream.app.evaluation.evaluation_result import by_suite
from tfstream.app.evaluation.labelled_series import prepare
from tfstream.cli.main import app
from tfstream.cli.output import printing
from tfstream.errors import BadData, TfstreamError
from tfstream.model.baselines.numpy_baselines import BASELINES
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.fit import fit


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal wide enough for all columns of the tables."""
    monkeypatch.setattr(printing.out, "width", 200)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command with very few training steps."""
    monkeypatch.setattr(detector_run, "fit", _quick_fit)


def _quick_fit(*arguments: Any, **options: Any) -> Any:
    series, sensors, interval_us, _, seed, report = arguments
    return fit(series, sensors, interval_us, DetectorConfig(steps=10), seed, report)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])


def failed(*arguments: object) -> TfstreamError:
    error = run(*arguments).exception
    assert isinstance(error, TfstreamError)
    return error


@pytest.mark.usefixtures("quick")
def test_the_table_counts_extrapolated_thresholds(tmp_path: Path) -> None:
    result = run(labelled_file(tmp_path), "--train-rows", TRAIN)
    assert "1 of 1 thresholds are extrapolated" in result.stdout


@pytest.mark.usefixtures("quick")
def test_json_has_both_protocols_and_every_method(tmp_path: Path) -> None:
    path = labelled_file(tmp_path)
    options = ("--train-rows", TRAIN, "--seeds", 2, "--baselines", "--alarm-budget", 1000, "--json")
    result = run(path, *options)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    (file,) = document["files"]
    assert (file["rows"], file["train_rows"], file["anomalous_test_rows"]) == (ROWS, TRAIN, 40)
    runs = [entry for entry in file["runs"] if entry["method"] == "tfstream"]
    assert [entry["seed"] for entry in runs] == [0, 1]
    for entry in runs:
        assert entry["test_rows"]["vus_pr"] > 0.5
        assert entry["whole_series"] != entry["test_rows"]
        assert entry["alarms"]["found"] == entry["alarms"]["events"] == 1
        assert entry["alarms"]["extrapolated"]
    suites = {suite["method"]: suite for suite in document["suites"]}
    assert list(suites) == ["tfstream", *BASELINES]
    assert suites["tfstream"]["whole_series"]["vus_pr"]["spread"] is not None
    assert suites["VAR"]["whole_series"]["vus_pr"]["spread"] is None
    assert not suites["VAR"]["alarms"]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", ["scores.csv", "scores.parquet"])
def test_tables_and_scores(tmp_path: Path, name: str) -> None:
    paths = [labelled_file(tmp_path, f"{i}.csv", seed=i) for i in range(2)]
    pd.DataFrame({"series": ["0", "1"], "train_rows": [TRAIN, TRAIN + 10]}).to_csv(
        tmp_path / "index.csv", index=False
    )
    result = run(*paths, "--scores-out", tmp_path / name)
    assert result.exit_code == 0, result.output
    for words in ("whole series, training rows included", "test rows only", "2 of 2", "by chance"):
        assert words in result.stdout
    read = pd.read_csv if name.endswith("csv") else pd.read_parquet
    scores = read(tmp_path / name)
    assert list(scores.columns) == ["file", "row", "label", "train", "method", "seed", "score"]
    assert len(scores) == 2 * ROWS
    assert scores.groupby("file")["train"].sum().tolist() == [TRAIN, TRAIN + 10]
    assert scores["score"].notna().all()


def test_scores_do_not_depend_on_labels(tmp_path: Path) -> None:
    other = np.zeros(ROWS, dtype=int)
    other[420:430] = 1
    options = EvaluationOptions(train_rows=TRAIN, config=DetectorConfig(steps=10), baselines=True)
    paths = [labelled_file(tmp_path, "a.csv"), labelled_file(tmp_path, "b.csv", label=other)]
    first, second = (evaluate(prepare(path, options), options, lambda part: None)[1] for path in paths)
    for scores, other_scores in zip(first, second, strict=True):
        np.testing.assert_array_equal(scores.scores, other_scores.scores)


def test_suites_are_folders(tmp_path: Path) -> None:
    options = EvaluationOptions(train_rows=TRAIN, config=DetectorConfig(steps=10))
    results = []
    for suite, seed in (("pumps", 0), ("valves", 1), ("pumps", 2)):
        (tmp_path / suite).mkdir(exist_ok=True)
        path = labelled_file(tmp_path / suite, f"{seed}.csv", seed)
        results.append(evaluate(prepare(path, options), options, lambda part: None)[0])
    pumps, valves = by_suite(results)
    assert (pumps.suite, pumps.files, valves.suite, valves.files) == ("pumps", 2, "valves", 1)
    runs = [results[0].runs[0], results[2].runs[0]]
    assert pumps.test_rows["auc_pr"].mean == pytest.approx(np.mean([run.test_rows.auc_pr for run in runs]))
    assert pumps.alarms["events"].mean == 2


@pytest.mark.parametrize(
    ("columns", "arguments", "reason"),
    [
        ({}, ["--label-column", "fault", "--train-rows", 400], "no label column 'fault'"),
        ({"label": 0}, ["--train-rows", 400], "no row is labelled"),
        ({"label": 2}, ["--train-rows", 400], "row 1: the label 2 is neither 0 nor 1"),
        ({"label": "broken"}, ["--train-rows", 400], "row 1: the label broken is neither"),
        ({}, ["--train-rows", 640], "640 rows; 640 training rows leave none"),
        ({}, ["--train-rows", 100], "pump.csv: too little to learn from"),
        ({}, [], "--train-rows"),
        ({"asset": ["x", "y"] * 320}, ["--train-rows", 400], "2 assets"),
        ({"timestamp": "2026-01-05"}, ["--train-rows", 400], "the same time"),
        ({"a": "open"}, ["--train-rows", 400], "not numbers"),
    ],
)
def test_an_error_names_what_is_wrong_with_a_file(
    tmp_path: Path, columns: dict[str, Any], arguments: list[object], reason: str
) -> None:
    error = failed(labelled_file(tmp_path, **columns), *arguments)
    assert isinstance(error, BadData)
    assert error.exit_code == 5
    assert reason in str(error)


def test_an_index_without_the_file(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text("series,train_rows\nother,400\n", encoding="utf-8")
    assert "does not say" in str(failed(labelled_file(tmp_path)))


def test_a_scores_file_that_cannot_be_written_is_an_error_before_the_work(tmp_path: Path) -> None:
    path = labelled_file(tmp_path)
    assert "must end in" in str(failed(path, "--train-rows", 400, "--scores-out", tmp_path / "a.xlsx"))
    assert "no folder" in str(failed(path, "--train-rows", 400, "--scores-out", tmp_path / "no" / "a.csv"))


def test_labels_among_the_training_rows_are_a_warning(tmp_path: Path) -> None:
    labels = np.zeros(ROWS, dtype=int)
    labels[100:110] = 1
    labelled = prepare(labelled_file(tmp_path, label=labels), EvaluationOptions(train_rows=TRAIN))
    first, second = labelled.warnings
    assert "10 of the 400 training rows are labelled anomalous" in first
    assert "no row after the training rows" in second
