"""Areas under the PR and ROC curves, row by row: a near miss counts as a miss."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfstream.core.quality.ranges import Labels, Scores, checked


def auc_pr(scores: NDArray[np.floating], labels: NDArray[np.generic]) -> float:
    """Average precision, ``sum of (recall_k - recall_k-1) precision_k``; NaN without an anomalous row.

    :param scores: ``[rows]``, larger is more anomalous.
    :param labels: ``[rows]``, anything but 0 is anomalous.
    :raises ValueError: when the shapes differ, or a score is not finite.
    """
    hits, reached = _steps(*checked(scores, labels))
    if not len(hits) or not hits[-1]:
        return float("nan")
    recall = hits / hits[-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * hits / reached))


def auc_roc(scores: NDArray[np.floating], labels: NDArray[np.generic]) -> float:
    """The probability that an anomalous row scores above a normal row, ties counting half.

    NaN without an anomalous row, or without a normal row. Parameters and errors as :func:`auc_pr`.
    """
    hits, reached = _steps(*checked(scores, labels))
    if not len(hits) or hits[-1] in (0, reached[-1]):
        return float("nan")
    recall = np.concatenate([[0.0], hits / hits[-1]])
    fall_out = np.concatenate([[0.0], (reached - hits) / (reached[-1] - hits[-1])])
    return float(np.trapezoid(recall, fall_out))


def _steps(scores: Scores, labels: Labels) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For every distinct score, highest first: how many anomalous rows, and how many rows, reach it."""
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    return np.cumsum(labels[order], dtype=np.int64)[last], (last + 1).astype(np.int64)
