"""Ranges of rows: labelled events, alarms."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.bool_]
Scores = NDArray[np.float64]


class Ranges(NamedTuple):
    """Disjoint ranges of rows in ascending order: ``first [n]``, and ``stop [n]``, the row after the last."""

    first: NDArray[np.int64]
    stop: NDArray[np.int64]


def ranges_of(mask: Labels) -> Ranges:
    """The runs of true rows in ``mask [rows]``."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return Ranges(edges[::2].astype(np.int64), edges[1::2].astype(np.int64))


def mask_of(ranges: Ranges, rows: int) -> Labels:
    """The mask of the ranges, which may overlap here: ``[rows]``."""
    mask = np.zeros(rows, dtype=np.bool_)
    for first, stop in zip(*ranges, strict=True):
        mask[first:stop] = True
    return mask


def checked(scores: NDArray[np.floating], labels: NDArray[np.generic]) -> tuple[Scores, Labels]:
    """Check scores and labels, both ``[rows]``, and convert them to the types of the measures.

    :raises ValueError: when their shapes differ, or a score is not a finite number.
    """
    if scores.ndim != 1 or scores.shape != labels.shape:
        raise ValueError(
            f"scores have the shape {scores.shape} and labels {labels.shape}; both must be [rows]"
        )
    if not np.isfinite(scores).all():
        raise ValueError(f"the score of row {int(np.argmin(np.isfinite(scores)))} is not a finite number")
    return scores.astype(np.float64), labels.astype(np.bool_)
