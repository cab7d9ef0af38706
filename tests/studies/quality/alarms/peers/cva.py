"""Canonical variate analysis: what the past says of the future, and what of the past says nothing.

Russell, Chiang and Braatz, "Fault detection in industrial processes using canonical variate analysis and
dynamic principal component analysis", Chemometrics 51, 2000; Odiowei and Cao, "Nonlinear dynamic process
monitoring using canonical variate analysis and kernel density estimations", IEEE TII 6, 2010. The statistics
are the mean over 5 rows of the squared states (T²) and of the squared residuals (Q) of the past.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.studies.quality.alarms.peers.lagged_forms import LaggedForms, lagged, root_inverse
from tests.studies.quality.alarms.peers.statistics import Array
from tfstream.errors import BadData

_MOST_LAGS = 8
_MOST_VALUES = 512  # of a past: lags times sensors
_ROWS_A_VALUE = 5  # rows to learn from, for each value of a past
_LEAST_CORRELATION = 0.5  # of a state
_FLOOR = 1e-4  # of the mean eigenvalue: directions that hardly vary are not blown up
_MEAN_ROWS = 5


def learn_cva(pieces: Sequence[Array], seed: int) -> LaggedForms:
    """Learn from standardised pieces; nothing is random.

    :raises BadData: when no piece is long enough.
    """
    lags = _lags(pieces)
    past, future = _past_and_future(pieces, lags)
    if len(past) < 2:
        raise BadData("too little to learn from: no piece has a past and a future")
    whiten_past = root_inverse(past.T @ past / len(past), _FLOOR)
    whiten_future = root_inverse(future.T @ future / len(past), _FLOOR)
    _, correlations, states = np.linalg.svd(whiten_future @ (future.T @ past / len(past)) @ whiten_past)
    most = len(states) // 2
    chosen = states[: min(max(int((correlations >= _LEAST_CORRELATION).sum()), 1), max(most, 1))]
    to_state = chosen @ whiten_past
    residual = whiten_past - chosen.T @ to_state
    return LaggedForms(
        factors={"CVA states": to_state, "CVA residuals": residual}, lags=lags, mean_rows=_MEAN_ROWS
    )


def _lags(pieces: Sequence[Array]) -> int:
    rows, sensors = sum(len(piece) for piece in pieces), pieces[0].shape[1]
    most = min(_MOST_LAGS, _MOST_VALUES // sensors, rows // (_ROWS_A_VALUE * sensors))
    return max(1, int(most))


def _past_and_future(pieces: Sequence[Array], lags: int) -> tuple[Array, Array]:
    stacked = [lagged(piece, 2 * lags) for piece in pieces]
    both = np.concatenate(stacked)
    half = both.shape[1] // 2
    return both[:, :half], both[:, half:]
