"""`tfstream evaluate --refit-every`: the detector refitted on a schedule, as the product runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from tests.unit.app.evaluation.pump_file import ROWS, TRAIN, labelled_file
from tfstream.app.evaluation import detector_run, evaluation_refits
from tfstream.app.evaluation.champion_scorer import ChampionScorer
from tfstream.app.evaluation.detector_run import fit_detector, run_detector
from tfstream.app.evaluation.evaluation_options import EvaluationOptions
from tfstream.app.evaluation.evaluation_refits import EvaluationRefits
from tfstream.app.evaluation.evaluation_result import Refits
from tfstream.app.evaluation.labelled_series import LabelledSeries, prepare
from tfstream.app.evaluation.refitted_run import run_with_refits
from tfstream.app.training.refit import Fitted
from tfstream.app.training.spans_standing_out import NormalSelection
from tfstream.cli.main import app
from tfstream.cli.output import printing
from tfstream.core.learning.normal_rows import ExclusionCause, TrainingEpisode
from tfstream.core.reading import Series
from tfstream.errors import BadData, UsageError
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.fit import fit
from tfstream.model.scoring.detector import Detector

QUICK = DetectorConfig(steps=10)
SECOND_US = 1_000_000
BUDGET = 1000.0  # a week: at a row each second a smaller budget is extrapolated very far


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal wide enough for all columns of the tables."""
    monkeypatch.setattr(printing.out, "width", 200)


def prepared(folder: Path, refit_every_s: int | None) -> LabelledSeries:
    options = EvaluationOptions(
        train_rows=TRAIN,
        config=QUICK,
        alarm_budget_per_week=BUDGET,
        refit_every_us=None if refit_every_s is None else refit_every_s * SECOND_US,
    )
    return prepare(labelled_file(folder), options)


def no_report(stage: str, done: float) -> None: ...


@pytest.fixture
def first(tmp_path: Path) -> Detector:
    return fit_detector(prepared(tmp_path, None), 0, QUICK, no_report)


class RecordedRefits:
    """Stands for the trainer's refit: keeps the series of every fit and gives them one answer."""

    def __init__(self, answer: Detector | None) -> None:
        self.answer, self.series = answer, list[list[Series]]()

    def __call__(self, *arguments: Any) -> RecordedRefits:
        return self

    def fit_and_test(self, series: Sequence[Series], champion: Any) -> Fitted:
        self.series.append(list(series))
        if self.answer is None:
            raise BadData("too little to learn from")
        return Fitted(self.answer, series, NormalSelection(series=list(series)))


def test_without_a_refit_the_alarms_are_those_of_a_single_fit(tmp_path: Path) -> None:
    labelled = prepared(tmp_path, 240)
    assert "end before the first refit" in labelled.warnings[-1]
    refitted, scores = run_with_refits(labelled, 0, QUICK, no_report)
    single, _ = run_detector(labelled, 0, QUICK, no_report)
    assert refitted.refits == Refits(promoted=0, rejected=0, failed=0)
    assert single.refits is None
    assert refitted.alarms is not None
    assert single.alarms is not None
    assert refitted.alarms.counts == single.alarms.counts
    assert single.alarms.counts.found == 1
    assert scores.scores.shape == (ROWS,)


def test_every_refit_is_counted_and_reported(tmp_path: Path) -> None:
    labelled = prepared(tmp_path, 100)
    assert list(labelled.refit_rows) == [500, 600]
    parts: list[float] = []
    run, scores = run_with_refits(labelled, 0, QUICK, lambda stage, done: parts.append(done))
    assert run.refits is not None
    assert run.refits.promoted + run.refits.rejected == 2
    assert run.refits.failed == 0
    assert parts == sorted(parts)
    assert parts[-1] <= 1
    assert np.isfinite(scores.scores).all()


def test_a_refit_learns_neither_alarms_nor_their_margins(
    tmp_path: Path, first: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    labelled = prepared(tmp_path, 100)
    recorded = RecordedRefits(first)
    monkeypatch.setattr(evaluation_refits, "Refit", recorded)
    run, _ = run_with_refits(labelled, 0, QUICK, no_report)
    assert run.refits == Refits(promoted=2, rejected=0, failed=0)
    before, after = recorded.series
    assert before[-1].times_us[-1] < 500 * SECOND_US
    rows = np.concatenate([piece.times_us for piece in after]) // SECOND_US
    values = np.concatenate([piece.values for piece in after])
    learnt = rows[~np.isnan(values[:, :2]).all(axis=1)]
    assert not np.isin(np.arange(500, 540), learnt).any()  # the fault raised an alarm about these two sensors
    assert learnt.max() < 500
    assert np.isin(np.arange(8, 400), learnt).all()


def test_a_refit_with_too_few_normal_rows_keeps_the_champion(
    tmp_path: Path, first: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation_refits, "Refit", RecordedRefits(None))
    labelled = prepared(tmp_path, 100)
    refits = EvaluationRefits(labelled, first, 0, QUICK)
    champion = refits.current
    refits.refit(500, [], no_report)
    assert refits.current is champion
    assert refits.counts == Refits(promoted=0, rejected=0, failed=1)


def test_an_open_episode_continues_under_the_next_champion(
    tmp_path: Path, first: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    labelled = prepared(tmp_path, 100)
    monkeypatch.setattr(evaluation_refits, "Refit", RecordedRefits(first))
    refits = EvaluationRefits(labelled, first, 0, QUICK)
    scorer = ChampionScorer(labelled.definition, labelled.series)
    scorer.score(refits.current.champion, TRAIN, 520)
    (open_episode,) = causes(scorer.training_episodes)
    assert open_episode is ExclusionCause.OPEN
    refits.refit(520, scorer.training_episodes, no_report)
    assert refits.current.champion.version == 2
    scorer.score(refits.current.champion, 520, ROWS)
    (alarm,) = scorer.alarms
    assert 500 <= alarm.raised <= 520 < alarm.stop
    assert len(scorer.hops.scores) == (ROWS - TRAIN) // first.hop_rows


def causes(episodes: Sequence[TrainingEpisode]) -> list[ExclusionCause | None]:
    return [episode.cause for episode in episodes]


def evaluate(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])


@pytest.mark.parametrize(
    ("span", "reason"),
    [("1s", "at least 8 rows"), ("0d", "at least 8 rows"), ("daily", "'daily' is not a duration")],
)
def test_a_bad_span_is_an_error(tmp_path: Path, span: str, reason: str) -> None:
    error = evaluate(labelled_file(tmp_path), "--train-rows", TRAIN, "--refit-every", span).exception
    assert isinstance(error, UsageError)
    assert reason in str(error)


def test_the_command_prints_the_refits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector_run, "fit", _quick_fit)
    monkeypatch.setattr(evaluation_refits, "Refit", RecordedRefits(None))
    options = ("--train-rows", TRAIN, "--refit-every", "100s")
    path = labelled_file(tmp_path)
    table = evaluate(path, *options)
    assert "refits: 0 promoted, 0 rejected by the gate, 2 without enough normal rows" in table.stdout
    assert "under alarm" in table.stdout
    (file,) = json.loads(evaluate(path, *options, "--json").stdout)["files"]
    (run,) = file["runs"]
    assert run["refits"] == {"promoted": 0, "rejected": 0, "failed": 2}
    assert 0 < run["alarms"]["alarmed_share"] < 1


def _quick_fit(*arguments: Any, **options: Any) -> Detector:
    series, sensors, interval_us, _, seed, report = arguments
    return fit(series, sensors, interval_us, QUICK, seed, report)
