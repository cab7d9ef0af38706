"""Dynamic principal component analysis of rows with two rows before them.

Ku, Storer and Georgakis, "Disturbance detection and isolation by dynamic principal component analysis",
Chemometrics 30, 1995. T² is the squared size of the principal components in their deviations, Q the squared
distance from them. Components with more than the mean variance are principal (Kaiser's rule).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.studies.quality.alarms.peers.lagged_forms import LaggedForms, lagged
from tests.studies.quality.alarms.peers.statistics import Array
from tfstream.errors import BadData

_LAGS = 3


def learn_dynamic_pca(pieces: Sequence[Array], seed: int) -> LaggedForms:
    """Learn from standardised pieces; nothing is random.

    :raises BadData: when no piece has three rows.
    """
    x = np.concatenate([lagged(piece, _LAGS) for piece in pieces])
    if len(x) < 2:
        raise BadData("too little to learn from: no piece has three rows")
    variances, vectors = np.linalg.eigh(x.T @ x / len(x))
    principal = variances > variances.mean()
    scores = vectors[:, principal].T / np.sqrt(variances[principal])[:, None]
    rest = np.eye(len(vectors)) - vectors[:, principal] @ vectors[:, principal].T
    return LaggedForms(factors={"DPCA T2": scores, "DPCA Q": rest}, lags=_LAGS)
