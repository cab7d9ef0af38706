"""Areas under the usual curves, row by row: every row counts alone, near misses count as misses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfstream.core.quality.ranges import Labels, Scores, checked


def auc_pr(scores: NDArray[np.floating], labels: NDArray[np.generic]) -> float:
    """Average precision, ``sum of (recall_k - recall_k-1) precision_k``; NaN without an anomalous row."""
    hits, found = _steps(*checked(scores, labels))
    if not len(hits) or not hits[-1]:
        return float("nan")
    recall = hits / hits[-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * hits / found))


def auc_roc(scores: NDArray[np.floating], labels: NDArray[np.generic]) -> float:
    """How likely an anomalous row scores above a normal one, ties counting half; NaN where one kind lacks."""
    hits, found = _steps(*checked(scores, labels))
    if not len(hits) or hits[-1] in (0, found[-1]):
        return float("nan")
    recall = np.concatenate([[0.0], hits / hits[-1]])
    fall_out = np.concatenate([[0.0], (found - hits) / (found[-1] - hits[-1])])
    return float(np.trapezoid(recall, fall_out))


def _steps(scores: Scores, labels: Labels) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For every distinct score, highest first: anomalous rows and rows that reach it."""
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    return np.cumsum(labels[order], dtype=np.int64)[last], (last + 1).astype(np.int64)
