"""The period of a channel, which TSB-AD uses as the longest buffer of the volumes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DEFAULT = 125  # where no period shows
_ROWS = 20_000
_LAGS = 400
_SHORTEST, _LONGEST = 3, 300


def period(channel: NDArray[np.floating]) -> int:
    """The lag in rows of the highest local maximum of the autocorrelation of ``channel [rows]``.

    TSB-AD's ``find_length_rank`` (Liu and Paparrizos, NeurIPS 2024) with its constants: the first 20,000
    rows, lags from 3 to 400, and 125 where the maximum lies below lag 6 or above 303, or there is none.
    TSB-AD takes the first channel of a multivariate series. A missing value counts as the channel's mean.
    """
    correlation = _autocorrelation(channel[:_ROWS].astype(np.float64))[_SHORTEST : _LAGS + 1]
    inner = correlation[1:-1]
    peaks = 1 + np.flatnonzero((inner > correlation[:-2]) & (inner > correlation[2:]))
    if not len(peaks):
        return DEFAULT
    highest = int(peaks[np.argsort(correlation[peaks])[-1]])
    return highest + _SHORTEST if _SHORTEST <= highest <= _LONGEST else DEFAULT


def _autocorrelation(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The autocorrelation by lag, ``[rows]``; zeros for a constant channel."""
    known = np.isfinite(values)
    if not known.any():
        return np.zeros(len(values))
    centred = np.where(known, values - values[known].mean(), 0.0)
    power = np.abs(np.fft.rfft(centred, n=2 * len(values))) ** 2
    covariance = np.fft.irfft(power)[: len(values)]
    return covariance / covariance[0] if covariance[0] > 0 else np.zeros(len(values))
