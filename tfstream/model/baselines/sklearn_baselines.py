"""The baselines that use scikit-learn, which is an optional dependency for these alone."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from tfstream.errors import ConfigurationError

Rows = NDArray[np.float64]


def require() -> None:
    """Check that scikit-learn is installed.

    :raises ConfigurationError: when it is not.
    """
    if find_spec("sklearn") is None:
        raise ConfigurationError(
            "two of the baselines need scikit-learn, which is not installed: run "
            "`pip install 'tfstream[baselines]'`, or leave --baselines out"
        )


def cluster(rows: Rows, count: int, seed: int) -> Rows:
    """The centres of ``rows [n, size]`` by k-means, ``[count, size]``; at most as many as rows."""
    from sklearn.cluster import KMeans

    fitted = KMeans(min(count, len(rows)), random_state=seed, n_init=1).fit(rows)
    centres: Rows = fitted.cluster_centers_
    return centres


def isolation(learn: Rows, rows: Rows, seed: int) -> Rows:
    """Scores ``[n]`` of ``rows [n, size]`` by an isolation forest fitted to ``learn [m, size]``."""
    from sklearn.ensemble import IsolationForest

    scores: Rows = -IsolationForest(random_state=seed).fit(learn).score_samples(rows)
    return scores
