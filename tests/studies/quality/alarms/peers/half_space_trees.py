"""Half-space trees (Tan, Ting and Liu, IJCAI 2011) on single rows, by river.

The trees learn the learning rows as one window and stay as they are: a detector that went on learning would
learn the faults.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from river.anomaly import HalfSpaceTrees

from tests.studies.quality.alarms.peers.statistics import Array
from tfstream.errors import BadData

_TREES, _HEIGHT = 25, 8
_MOST_ROWS = 20_000  # to learn from, evenly spread
_LEAST_MASS = 1e-9
_REACH = 4.0  # deviations: the trees divide the space from minus to plus this


@dataclass(frozen=True, kw_only=True)
class TreeScores:
    """How rare each row is: ``-log(1 - score)``, which has no upper end that a threshold could exceed."""

    trees: HalfSpaceTrees
    names: tuple[str, ...] = ("half-space trees",)

    def measure(self, rows: Array) -> Array:
        scores = [self.trees.score_one(point) for point in _points(rows)]
        rarity: Array = -np.log(np.maximum(1.0 - np.array(scores, dtype=np.float64), _LEAST_MASS))
        return rarity[:, None]

    def blame(self, rows: Array, at: int, statistic: int) -> None:
        """The trees name no sensor."""
        return None


def learn_half_space_trees(pieces: Sequence[Array], seed: int) -> TreeScores:
    """Learn from standardised pieces.

    :raises BadData: when there is no row.
    """
    rows = np.concatenate(pieces)
    if not len(rows):
        raise BadData("there are no rows to learn from")
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), _MOST_ROWS)).astype(np.int64)]
    trees = HalfSpaceTrees(n_trees=_TREES, height=_HEIGHT, window_size=len(rows), seed=seed)
    for point in _points(rows):
        trees.learn_one(point)
    return TreeScores(trees=trees)


def _points(rows: Array) -> list[dict[int, float]]:
    """Each row as river reads it, between 0 and 1."""
    return [dict(enumerate(row)) for row in np.clip(rows / (2 * _REACH) + 0.5, 0.0, 1.0).tolist()]
