"""Jobs of the part ``gate``: good and bad models of one file, measured by the gate and by labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from tests.studies.quality.ablation_jobs import REWEIGHED, CachingDetector, Weights, reweighed
from tests.studies.quality.contamination import contaminated
from tests.studies.quality.runs import ignore_progress, prepared, vus_pr
from tfstream.app.evaluation.labelled_series import LabelledSeries
from tfstream.app.training.performance import GatePerformance, measure
from tfstream.core.learning.held_out import LEAST_LEARNT, HeldOut, hold_out
from tfstream.core.learning.promotion_rule import budget_checks, detection_checks
from tfstream.core.reading import Series
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting import gate_trials
from tfstream.model.fitting.fit import fit

AS_IS, ALL_ROWS = "as it is", "nothing held out"
_FULL = DetectorConfig()
_NARROW = DetectorConfig(width=16, feed_forward=32)


class GateRecipe(NamedTuple):
    """How a model is trained: a change of the training rows, the configuration, the seed."""

    learn: Callable[[LabelledSeries, Series], Series] = lambda labelled, learn: learn
    config: DetectorConfig = _FULL
    seed: int = 0


def _contaminated(labelled: LabelledSeries, learn: Series) -> Series:
    """Faults of the training kinds in a fifth of the rows."""
    known = replace(labelled, series=learn, train_rows=len(learn.values))
    return contaminated(known, 0.2, np.random.default_rng(0))[0].series


def _newest_quarter(labelled: LabelledSeries, learn: Series) -> Series:
    rows = max(len(learn.values) // 4, LEAST_LEARNT)
    return Series(learn.asset, learn.times_us[-rows:], learn.values[-rows:])


def _noisy(labelled: LabelledSeries, learn: Series) -> Series:
    """Noise in every sensor, as large as the sensor's deviation."""
    noise = np.random.default_rng(0).normal(size=learn.values.shape) * np.nanstd(learn.values, axis=0)
    return learn._replace(values=(learn.values + noise).astype(np.float32))


def _miswired(labelled: LabelledSeries, learn: Series) -> Series:
    """Three in ten sensors, at least two, are interchanged."""
    sensors = learn.values.shape[1]
    moved = np.random.default_rng(0).choice(sensors, size=max(2, sensors * 3 // 10), replace=False)
    order = np.arange(sensors)
    order[moved] = np.roll(moved, 1)
    return learn._replace(values=learn.values[:, order].copy())


RECIPES: Mapping[str, GateRecipe] = {
    "the champion": GateRecipe(),
    "another seed": GateRecipe(seed=1),
    "a quarter of the width": GateRecipe(config=_NARROW),
    "the newest quarter of the rows": GateRecipe(learn=_newest_quarter),
    "faults in a fifth of the rows": GateRecipe(learn=_contaminated),
    "noise in every sensor": GateRecipe(learn=_noisy),
    "sensors miswired": GateRecipe(learn=_miswired),
}
WEIGHTS: Mapping[str, Callable[[Weights], Weights]] = {
    AS_IS: lambda weight: weight,
    "closed forms only": REWEIGHED["closed forms only (V, P, R)"],
    "network only": REWEIGHED["network only"],
}


def models_of(path: str, train_rows: int | None) -> dict[str, Any]:
    """VUS-PR and gate results of every model, and VUS-PR of the champion's recipe without held-out rows.

    The first model is the champion with which the others are compared.
    """
    labelled = prepared(path, train_rows)
    asset, times_us, values = labelled.series
    learn = slice(0, labelled.train_rows)
    known = Series(asset, times_us[learn], values[learn])
    held = hold_out([known], labelled.definition.interval_us)
    if held is None:
        return {
            "places": 0,
            "models": [],
            "all_rows": vus_pr(_fitted(labelled, known, GateRecipe()), labelled),
        }
    models = _measure_models(labelled, held)
    return {
        "places": len(gate_trials.trial_sites(held.pieces, _FULL.hop_rows)),
        "models": models,
        "all_rows": vus_pr(_fitted(labelled, known, GateRecipe()), labelled),
    }


def _measure_models(labelled: LabelledSeries, held: HeldOut) -> list[dict[str, Any]]:
    tried = gate_trials.prepare(held, _FULL, 0)
    kinds = [trial.kind for trial in tried]
    champion: GatePerformance | None = None
    models = []
    for name, recipe in RECIPES.items():
        detector = _fitted(labelled, recipe.learn(labelled, held.learn[0]), recipe)
        for terms, change in WEIGHTS.items():
            changed = reweighed(detector, change)
            performance = measure(changed, labelled.definition, held.pieces, tried)
            champion = champion or performance
            budget = budget_checks(None, performance.alarms)
            detection = detection_checks(kinds, champion.fault_ranks, performance.fault_ranks)[0]
            models.append(
                {
                    "recipe": name,
                    "terms": terms,
                    "auc": float(performance.fault_ranks.mean()),
                    "vus_pr": vus_pr(changed, labelled),
                    "budget": all(check.holds for check in budget),
                    "detection": detection.holds,
                }
            )
    return models


def _fitted(labelled: LabelledSeries, learn: Series, recipe: GateRecipe) -> CachingDetector:
    definition = labelled.definition
    fitted = fit(
        [learn], definition.sensors, definition.interval_us, recipe.config, recipe.seed, ignore_progress
    )
    return CachingDetector(**vars(fitted))
