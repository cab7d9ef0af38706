"""Part ``budget``: the alarm budget and the false alarms on streams without an anomaly."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from tests.score_alarms import raise_alarms
from tests.studies.processes import workers
from tests.studies.quality import budget_table, score_sequences
from tests.studies.quality.normal_streams import WEEK_ROWS, NormalStreamRecipe, recipes
from tests.studies.quality.runs import ignore_progress
from tests.studies.quality.settings import QualitySettings
from tests.studies.quality.threshold_methods import THRESHOLD_METHODS
from tfstream.app.detection.score_series import HopScores, score_series
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
AlarmCounts = dict[str, Any]


def measure(settings: QualitySettings) -> AlarmCounts:
    """Alarms of a detector on every stream, and of a calibration on every simulated sequence of scores."""
    all_recipes = recipes(settings.data)
    with workers(settings.processes) as pool:
        streams = [pool.submit(stream_counts, recipe) for recipe in all_recipes]
        sequences = [pool.submit(sequence_counts, *arguments) for arguments in score_sequences.cases()]
        result = {
            "budgets": BUDGETS,
            "streams": list(_with_progress("streams", streams)),
            "sequences": list(_with_progress("sequences", sequences)),
        }
    if not settings.data:
        print("no labelled data: simulated streams only", file=sys.stderr)
    from tests.studies.quality import budget_picture  # imports matplotlib, which takes a second

    budget_picture.draw(result, settings.folder / "budget.svg")
    return result


def section(result: Mapping[str, Any]) -> str:
    """The tables as markdown."""
    return budget_table.render(result)


def stream_counts(recipe: NormalStreamRecipe) -> AlarmCounts:
    """Fit a detector to a stream's first rows and count alarms on the others."""
    stream = recipe.stream()
    detector, held = _fitted(stream.values[: stream.train_rows])
    hops = score_series(detector, "asset", stream.values)
    tested = hops.end_index + 1 - _HOP_ROWS >= stream.train_rows
    hops = HopScores(hops.end_index[tested], hops.scores[tested])
    return {"name": recipe.name, **counts(detector.calibration, held, hops)}


def _fitted(values: NDArray[np.float32]) -> tuple[Detector, Sequence[ScoredRun]]:
    """A detector and the held-out scores of its calibration, which the other methods use, too."""
    series = Series("asset", np.arange(len(values)) * _INTERVAL_US, values)
    sensors = tuple(f"sensor-{i}" for i in range(values.shape[1]))
    with patch.object(fit, "fit_calibration", wraps=fit_calibration) as calibrate:
        detector = fit.fit([series], sensors, _INTERVAL_US, DetectorConfig(), 0, ignore_progress)
    return detector, calibrate.call_args.args[0]


def sequence_counts(name: str, weeks: float, seed: int) -> AlarmCounts:
    """Count alarms on simulated scores."""
    held, scores = score_sequences.draw(name, seed, round(weeks * _PER_WEEK))
    calibration = fit_calibration(
        held, rows_per_week=WEEK_ROWS, separation_rows=_SEPARATION_ROWS, hop_rows=_HOP_ROWS
    )
    hops = HopScores(np.arange(len(scores)) * _HOP_ROWS + _HOP_ROWS - 1, scores)
    return {"name": f"{name} {weeks:g}", **counts(calibration, held, hops)}


def counts(calibration: Calibration, held: Sequence[ScoredRun], hops: HopScores) -> AlarmCounts:
    """The alarms of every method for every budget."""
    initial = np.concatenate([run.scores for run in held])
    methods: dict[str, Callable[[float], int]] = {OURS: partial(_tfstream_alarms, calibration, hops)}
    methods |= {name: partial(_other_alarms, name, initial, hops) for name in THRESHOLD_METHODS}
    return {
        "calibration_weeks": calibration.weeks,
        "clusters": calibration.clusters,
        "xi": calibration.xi,
        "weeks": len(hops.scores) / _PER_WEEK,
        "extrapolated": [calibration.extrapolated(budget) for budget in BUDGETS],
        "alarms": {name: [count(budget) for budget in BUDGETS] for name, count in methods.items()},
    }


def _tfstream_alarms(calibration: Calibration, hops: HopScores, budget: float) -> int:
    rule = AlarmRule(
        calibration=calibration, budget_per_week=budget, interval_us=_INTERVAL_US, hop_rows=_HOP_ROWS
    )
    return len(raise_alarms(rule, "asset", hops, first_row=0))


def _other_alarms(name: str, initial: Scores, hops: HopScores, budget: float) -> int:
    """As in tfstream, scores over the threshold that are nearer than the cooldown are one alarm."""
    over = hops.end_index[THRESHOLD_METHODS[name](initial, hops.scores, budget / _PER_WEEK)]
    return int((np.diff(over, prepend=-WEEK_ROWS) > _SEPARATION_ROWS).sum())


def _with_progress(kind: str, futures: Sequence[Future[AlarmCounts]]) -> Iterator[AlarmCounts]:
    for number, future in enumerate(futures, start=1):
        result = future.result()
        print(f"budget: {kind} {number} of {len(futures)}: {result['name']}", file=sys.stderr, flush=True)
        yield result
