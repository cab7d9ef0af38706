"""Simple detectors to compare with: the detector of this program must score better to justify its cost.

Each takes ``values [rows, channels]``, NaN where missing, of which the first ``train_rows`` are normal. It
learns from those rows only, and scores every row from the rows up to it: ``[rows]``, larger is more
anomalous. The first rows, which have too few rows before them, get the first score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tfstream.core.reading import Series, Values
from tfstream.core.scaler import Scaler
from tfstream.model.baselines import sklearn_baselines

Scores = NDArray[np.float64]
Baseline = Callable[[Values, int, int], Scores]  # values, training rows, seed

_ORDER, _PENALTY = 8, 100.0
_ERROR_FLOOR, _ERROR_LIMIT = 4e-4, 100.0
_FLOOR, _STILL, _CLIP = 0.05, 1e-9, 10.0
_TRAILING = 16
_SPECTRUM_ROWS, _SPECTRUM_MEAN = 64, 3
_CENTRES, _MOST_WINDOWS = 20, 4096
_CHUNK = 4096


def ridge_var(values: Values, train_rows: int, seed: int) -> Scores:
    """Squared one-step errors of a ridge vector autoregression, in standard units, over 16 rows."""
    return _mean_error(_standardised(values, train_rows), train_rows)


def ridge_var_scaled(values: Values, train_rows: int, seed: int) -> Scores:
    """The same in the units of the detector's own scaler: shows what these units alone are worth."""
    return _mean_error(_scaled(values, train_rows), train_rows)


def ridge_var_normalised(values: Values, train_rows: int, seed: int) -> Scores:
    """The same in standard units, relative to each channel's own training error."""
    errors = _one_step_errors(_standardised(values, train_rows), train_rows)
    usual = np.maximum(errors[: train_rows - _ORDER].mean(axis=0), _ERROR_FLOOR)
    return _filled(_trailing(np.minimum(errors / usual, _ERROR_LIMIT).mean(axis=1)), len(values))


def window_energy(values: Values, train_rows: int, seed: int) -> Scores:
    """Mean square of the standardised values over 16 rows: only the distance from the mean."""
    return _filled(_trailing(np.square(_standardised(values, train_rows)).mean(axis=1)), len(values))


def spectral_residual(values: Values, train_rows: int, seed: int) -> Scores:
    """Salience of each row at the end of its window of 64, mean of the channels.

    Ren et al., "Time-Series Anomaly Detection Service at Microsoft", KDD 2019: what the log amplitude
    spectrum has above its own running mean of three bins, back in time, relative to the window's mean. Learns
    only the scale of the channels.
    """
    rows = _standardised(values, train_rows)
    if len(rows) < _SPECTRUM_ROWS:
        return np.zeros(len(rows))
    windows = sliding_window_view(rows, _SPECTRUM_ROWS, axis=0)  # [n, channels, rows]
    parts = [_salience(windows[at : at + _CHUNK]) for at in range(0, len(windows), _CHUNK)]
    return _filled(np.concatenate(parts), len(values))


def kmeans_windows(values: Values, train_rows: int, seed: int) -> Scores:
    """Distance of the newest 16 rows to the nearest of 20 centres of training windows.

    As KMeansAD (Yairi, Kato and Hori 2001; Schmidl, Wenig and Papenbrock, PVLDB 2022), but fitted on the
    training rows alone.
    """
    rows = _standardised(values, train_rows)
    windows = sliding_window_view(rows, _TRAILING, axis=0)  # [n, channels, rows]
    learn = windows[: train_rows - _TRAILING + 1]
    chosen = np.linspace(0, len(learn) - 1, min(len(learn), _MOST_WINDOWS)).astype(np.int64)
    centres = sklearn_baselines.cluster(learn[chosen].reshape(len(chosen), -1), _CENTRES, seed)
    parts = (windows[at : at + _CHUNK] for at in range(0, len(windows), _CHUNK))
    squared = [_squared(part.reshape(len(part), -1), centres).min(axis=1) for part in parts]
    return _filled(np.sqrt(np.concatenate(squared)), len(values))


def isolated_rows(values: Values, train_rows: int, seed: int) -> Scores:
    """An isolation forest on single rows: Liu, Ting and Zhou, ICDM 2008."""
    rows = _standardised(values, train_rows)
    return sklearn_baselines.isolation(rows[:train_rows], rows, seed)


BASELINES: Mapping[str, Baseline] = MappingProxyType(
    {
        "VAR": ridge_var,
        "VAR normalised": ridge_var_normalised,
        "VAR in our units": ridge_var_scaled,
        "window energy": window_energy,
        "spectral residual": spectral_residual,
        "k-means windows": kmeans_windows,
        "isolation forest": isolated_rows,
    }
)
SEEDED = frozenset({"k-means windows", "isolation forest"})  # the others are not random


def _standardised(values: Values, train_rows: int) -> NDArray[np.float64]:
    """Standardise by mean and deviation of the training rows, clipped at ±10; missing becomes the mean.

    A constant channel gets the deviation of the median channel; the least deviation is a twentieth of that.
    """
    learn = np.where(np.isfinite(values[:train_rows]), values[:train_rows], np.nan).astype(np.float64)
    known = np.isfinite(learn).sum(axis=0)
    mean = np.nansum(learn, axis=0) / np.maximum(known, 1)
    deviation = np.sqrt(np.nansum(np.square(learn - mean), axis=0) / np.maximum(known, 1))
    moving = deviation > _STILL * np.maximum(np.abs(mean), 1.0)
    median = float(np.median(deviation[moving])) if moving.any() else 1.0
    unit = np.where(moving, np.maximum(deviation, _FLOOR * median), median)
    return np.nan_to_num(np.clip((values - mean) / unit, -_CLIP, _CLIP))


def _scaled(values: Values, train_rows: int) -> NDArray[np.float64]:
    """Standardise with the detector's scaler; a missing value becomes the mean."""
    scaler = Scaler.fit([Series("", np.arange(train_rows), values[:train_rows])])
    return np.nan_to_num(scaler.transform(values[None], [""])[0]).astype(np.float64)


def _mean_error(rows: NDArray[np.float64], train_rows: int) -> Scores:
    return _filled(_trailing(_one_step_errors(rows, train_rows).mean(axis=1)), len(rows))


def _one_step_errors(rows: NDArray[np.float64], train_rows: int) -> NDArray[np.float64]:
    """Squared errors of each row as predicted from the eight rows before it: ``[rows - 8, channels]``."""
    lags = sliding_window_view(rows[:-1], _ORDER, axis=0).reshape(len(rows) - _ORDER, -1)  # [n, channels * 8]
    targets = rows[_ORDER:]
    learn = slice(0, train_rows - _ORDER)
    gram = lags[learn].T @ lags[learn] + _PENALTY * np.eye(lags.shape[1])
    weights = np.linalg.solve(gram, lags[learn].T @ targets[learn])
    return np.square(targets - lags @ weights)


def _trailing(scores: Scores) -> Scores:
    """The mean over the 16 rows up to each row: ``[rows - 15]``."""
    total = np.concatenate([[0.0], np.cumsum(scores)])
    return (total[_TRAILING:] - total[:-_TRAILING]) / _TRAILING


def _filled(scores: Scores, rows: int) -> Scores:
    """Scores for all rows, ``[rows]``: rows with too few rows before them get the first score."""
    return np.concatenate([np.full(rows - len(scores), scores[0]), scores])


def _salience(windows: NDArray[np.float64]) -> Scores:
    """The salience of the last row of windows ``[n, channels, rows]``: ``[n]``."""
    spectrum = np.fft.rfft(windows, axis=2)  # [n, channels, bins]
    amplitude = np.abs(spectrum)
    logs = np.log(amplitude + 1e-6)
    around = np.pad(logs, ((0, 0), (0, 0), (_SPECTRUM_MEAN - 1, 0)), mode="edge")
    usual = sliding_window_view(around, _SPECTRUM_MEAN, axis=2).mean(axis=3)
    salient = np.abs(
        np.fft.irfft(spectrum / (amplitude + 1e-6) * np.exp(logs - usual), n=windows.shape[2], axis=2)
    )
    mean = salient.mean(axis=2)
    relative = (salient[:, :, -1] - mean) / (mean + 1e-6)
    result: Scores = relative.mean(axis=1)
    return result


def _squared(points: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distances ``[n, m]`` of ``points [n, size]`` to ``centres [m, size]``."""
    squares = np.square(points).sum(1)[:, None] + np.square(centres).sum(1) - 2 * points @ centres.T
    return np.maximum(squares, 0.0)
