"""Faults in the training rows."""

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

_ROWS = 64  # length of the windows that receive faults; they do not overlap


def contaminated_run(path: str, train_rows: int | None, seed: int, share: float) -> dict[str, float]:
    """VUS-PR on the clean series of a detector whose training rows have faults in a ``share`` of them."""
    labelled = prepared(path, train_rows)
    faulty, real_share = contaminated(labelled, share, np.random.default_rng(seed))
    detector = fit_detector(faulty, seed, DetectorConfig(), ignore_progress)
    return {"share": real_share, **vus_pr(detector, labelled)}


def contaminated(
    labelled: LabelledSeries, share: float, rng: np.random.Generator
) -> tuple[LabelledSeries, float]:
    """Inject faults of all kinds into about a ``share`` of the training rows; returns the real share, too.

    Faults are made in standard units and converted back to the sensors' units; no other cell changes.
    """
    asset, times_us, values = labelled.series
    training_rows = values[: labelled.train_rows]
    changed = _with_faults(training_rows, asset, share, rng)
    faulty_rows = np.any((changed != training_rows) & ~np.isnan(training_rows), axis=1).mean()
    series = Series(asset, times_us, np.concatenate([changed, values[labelled.train_rows :]]))
    return replace(labelled, series=series), float(faulty_rows)


def _with_faults(training_rows: Values, asset: str, share: float, rng: np.random.Generator) -> Values:
    """Inject faults into random windows until the share of rows is reached."""
    scaler = Scaler.fit([Series(asset, np.arange(len(training_rows)), training_rows)])
    scaled = np.nan_to_num(scaler.transform(training_rows[None], [asset])[0])
    result = training_rows.copy()
    faulty_rows = 0
    for start in rng.permutation(np.arange(0, len(training_rows) - _ROWS + 1, _ROWS)):
        if faulty_rows >= share * len(training_rows):
            break
        window = scaled[start : start + _ROWS]
        foreign = int(rng.integers(len(training_rows) - _ROWS + 1))
        faulty = inject(window[None], scaled[None, foreign : foreign + _ROWS], rng)[0]
        part = result[start : start + _ROWS]
        new = (faulty != window) & np.isfinite(part)
        part[new] = scaler.inverse(faulty, [asset])[new]
        faulty_rows += int(new.any(axis=1).sum())
    return result
