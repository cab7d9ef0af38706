"""The baselines that scikit-learn already has. It is an extra: nothing but they needs it."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from tfstream.errors import ConfigurationError

Rows = NDArray[np.float64]


def require() -> None:
    """:raises ConfigurationError: when scikit-learn is not installed."""
    if find_spec("sklearn") is None:
        raise ConfigurationError(
            "two of the baselines come from scikit-learn, which is not installed: run "
            "`pip install 'tfstream[baselines]'`, or leave --baselines out"
        )


def cluster(rows: Rows, count: int, seed: int) -> Rows:
    """Centres ``[count, size]`` of ``rows [n, size]`` by k-means, as many as there are rows at most."""
    from sklearn.cluster import KMeans

    found = KMeans(min(count, len(rows)), random_state=seed, n_init=1).fit(rows)
    centres: Rows = found.cluster_centers_
    return centres


def isolation(learn: Rows, rows: Rows, seed: int) -> Rows:
    """How easily each of ``rows [n, size]`` is told from ``learn``: ``[n]``, at most 1."""
    from sklearn.ensemble import IsolationForest

    scores: Rows = -IsolationForest(random_state=seed).fit(learn).score_samples(rows)
    return scores
