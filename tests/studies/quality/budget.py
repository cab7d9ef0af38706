"""Part ``budget``: false alarms asked for and realised, on streams without any anomaly."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from tests.studies.processes import workers
from tests.studies.quality import budget_table, score_sequences
from tests.studies.quality.normal_streams import WEEK_ROWS, NormalStreamRecipe, recipes
from tests.studies.quality.runs import ignore_progress
from tests.studies.quality.settings import QualitySettings
from tests.studies.quality.threshold_methods import THRESHOLD_METHODS
from tfstream.app.scoring.score_series import HopScores, raise_alarms, score_series
from tfstream.core.alarms.alarm_rule import AlarmRule
from tfstream.core.alarms.calibration import Calibration, ScoredRun, fit_calibration
from tfstream.core.reading import Series
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting import fit
from tfstream.model.scoring.detector import Detector

BUDGETS = (0.25, 1.0, 5.0, 20.0)  # false alarms a week
OURS = "tfstream"
_INTERVAL_US = 60_000_000
_SEPARATION_ROWS, _HOP_ROWS = 64, 8
_PER_WEEK = WEEK_ROWS / _HOP_ROWS  # scores

Scores = NDArray[np.float64]
Found = dict[str, Any]


def measure(settings: QualitySettings) -> Found:
    """Every stream through the detector, every simulated sequence of scores through the calibration alone."""
    every = recipes(settings.data)
    with workers(settings.processes) as pool:
        streams = [pool.submit(stream_counts, recipe) for recipe in every]
        sequences = [pool.submit(sequence_counts, *case) for case in score_sequences.cases()]
        found = {
            "budgets": BUDGETS,
            "streams": list(_with_progress("streams", streams)),
            "sequences": list(_with_progress("sequences", sequences)),
        }
    if not settings.data:
        print("no labelled data: simulated streams only", file=sys.stderr)
    from tests.studies.quality import budget_picture  # matplotlib takes a second: only who draws needs it

    budget_picture.draw(found, settings.folder / "budget.svg")
    return found


def section(found: Mapping[str, Any]) -> str:
    """What was found, as markdown."""
    return budget_table.render(found)


def stream_counts(recipe: NormalStreamRecipe) -> Found:
    """Fit on a stream's first rows, count alarms on the others."""
    stream = recipe.stream()
    detector, held = _fitted(stream.values[: stream.train_rows])
    hops = score_series(detector, "asset", stream.values)
    tested = hops.end_index + 1 - _HOP_ROWS >= stream.train_rows
    hops = HopScores(hops.end_index[tested], hops.scores[tested])
    return {"name": recipe.name, **counts(detector.calibration, held, hops)}


def _fitted(values: NDArray[np.float32]) -> tuple[Detector, Sequence[ScoredRun]]:
    """A detector, and the held-out scores that it was calibrated on: the other methods get the same."""
    series = Series("asset", np.arange(len(values)) * _INTERVAL_US, values)
    sensors = tuple(f"sensor-{i}" for i in range(values.shape[1]))
    with patch.object(fit, "fit_calibration", wraps=fit_calibration) as calibrate:
        detector = fit.fit([series], sensors, _INTERVAL_US, DetectorConfig(), 0, ignore_progress)
    return detector, calibrate.call_args.args[0]


def sequence_counts(name: str, weeks: float, seed: int) -> Found:
    """Simulated scores instead of a detector's."""
    held, scores = score_sequences.draw(name, seed, round(weeks * _PER_WEEK))
    calibration = fit_calibration(
        held, rows_per_week=WEEK_ROWS, separation_rows=_SEPARATION_ROWS, hop_rows=_HOP_ROWS
    )
    hops = HopScores(np.arange(len(scores)) * _HOP_ROWS + _HOP_ROWS - 1, scores)
    return {"name": f"{name} {weeks:g}", **counts(calibration, held, hops)}


def counts(calibration: Calibration, held: Sequence[ScoredRun], hops: HopScores) -> Found:
    """Alarms of every method for every budget."""
    initial = np.concatenate([run.scores for run in held])
    methods: dict[str, Callable[[float], int]] = {OURS: partial(_ours, calibration, hops)}
    methods |= {name: partial(_others, name, initial, hops) for name in THRESHOLD_METHODS}
    return {
        "calibration_weeks": calibration.weeks,
        "clusters": calibration.clusters,
        "xi": calibration.xi,
        "weeks": len(hops.scores) / _PER_WEEK,
        "extrapolated": [calibration.extrapolated(budget) for budget in BUDGETS],
        "alarms": {name: [count(budget) for budget in BUDGETS] for name, count in methods.items()},
    }


def _ours(calibration: Calibration, hops: HopScores, budget: float) -> int:
    rule = AlarmRule(
        calibration=calibration, budget_per_week=budget, interval_us=_INTERVAL_US, hop_rows=_HOP_ROWS
    )
    return len(raise_alarms(rule, "asset", hops, first_row=0))


def _others(name: str, initial: Scores, hops: HopScores, budget: float) -> int:
    """Excesses nearer than our cooldown are one alarm, as ours are."""
    over = hops.end_index[THRESHOLD_METHODS[name](initial, hops.scores, budget / _PER_WEEK)]
    return int((np.diff(over, prepend=-WEEK_ROWS) > _SEPARATION_ROWS).sum())


def _with_progress(what: str, parts: Sequence[Future[Found]]) -> Iterator[Found]:
    for number, part in enumerate(parts, start=1):
        found = part.result()
        print(f"budget: {what} {number} of {len(parts)}: {found['name']}", file=sys.stderr, flush=True)
        yield found
