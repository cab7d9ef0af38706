"""Faults among the rows that are learnt from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.studies.quality.runs import ignore_progress, prepared, vus_pr
from tfstream.app.evaluation.detector_run import fit_detector
from tfstream.app.evaluation.labelled_series import LabelledSeries
from tfstream.core.faults.training_faults import inject
from tfstream.core.reading import Series, Values
from tfstream.core.scaler import Scaler
from tfstream.model.detector_config import DetectorConfig

_ROWS = 64  # of the windows that faults are put into; no two of them overlap


def contaminated_run(path: str, train_rows: int | None, seed: int, share: float) -> dict[str, float]:
    """VUS-PR of the detector that learnt from rows with faults in a share; scored is the clean series."""
    labelled = prepared(path, train_rows)
    faulty, touched = contaminated(labelled, share, np.random.default_rng(seed))
    detector = fit_detector(faulty, seed, DetectorConfig(), ignore_progress)
    return {"share": touched, **vus_pr(detector, labelled)}


def contaminated(
    labelled: LabelledSeries, share: float, rng: np.random.Generator
) -> tuple[LabelledSeries, float]:
    """Faults of all kinds in about a ``share`` of the training rows, and in how many they came to be.

    They are made in standard units and put back into the sensors' own; no other cell changes.
    """
    asset, times_us, values = labelled.series
    learn = values[: labelled.train_rows]
    changed = _with_faults(learn, asset, share, rng)
    touched = np.any((changed != learn) & ~np.isnan(learn), axis=1).mean()
    series = Series(asset, times_us, np.concatenate([changed, values[labelled.train_rows :]]))
    return replace(labelled, series=series), float(touched)


def _with_faults(learn: Values, asset: str, share: float, rng: np.random.Generator) -> Values:
    """Window after window, at random places, until so many rows are touched."""
    scaler = Scaler.fit([Series(asset, np.arange(len(learn)), learn)])
    scaled = np.nan_to_num(scaler.transform(learn[None], [asset])[0])
    result = learn.copy()
    touched = 0
    for start in rng.permutation(np.arange(0, len(learn) - _ROWS + 1, _ROWS)):
        if touched >= share * len(learn):
            break
        window = scaled[start : start + _ROWS]
        foreign = int(rng.integers(len(learn) - _ROWS + 1))
        faulty = inject(window[None], scaled[None, foreign : foreign + _ROWS], rng)[0]
        part = result[start : start + _ROWS]
        new = (faulty != window) & np.isfinite(part)
        part[new] = scaler.inverse(faulty, [asset])[new]
        touched += int(new.any(axis=1).sum())
    return result
