"""Isolation forest: how few random cuts set a row apart.

Liu, Ting and Zhou, "Isolation Forest", ICDM 2008, with its own 100 trees of 256 rows. Rows fall through a
tree all together, level by level, which is fast enough without compiled code: scikit-learn and SciPy would be
two large dependencies for one baseline. Scores differ from scikit-learn's as those of two seeds do.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_TREES = 100
_ROWS = 256
_EULER = 0.5772156649

Array = NDArray[np.float64]
Places = NDArray[np.int64]


class _Tree(NamedTuple):
    """A full binary tree, node ``i`` above ``2i + 1`` and ``2i + 2``; ``channel`` is -1 at a leaf.

    ``depth`` of a leaf is its level and what the rows left in it would still take.
    """

    channel: Places
    cut: Array
    depth: Array


def isolation_forest(rows: Array, train_rows: int, seed: int) -> Array:
    """Scores ``[rows]``, 0 to 1, of ``rows [rows, channels]``; trees grow on the first ``train_rows``."""
    rng = np.random.default_rng(seed)
    size = min(_ROWS, train_rows)
    depth = np.zeros(len(rows))
    for _ in range(_TREES):
        sample = rows[rng.choice(train_rows, size=size, replace=False)]
        depth += _depths(rows, _grown(sample, rng))
    scores: Array = np.exp2(-depth / _TREES / _usual_depth(size))
    return scores


def _grown(sample: Array, rng: np.random.Generator) -> _Tree:
    levels = math.ceil(math.log2(max(len(sample), 2)))
    nodes = 2 ** (levels + 1) - 1
    channel, cut, depth = np.full(nodes, -1), np.zeros(nodes), np.zeros(nodes)
    waiting = [(0, 0, sample)]
    while waiting:
        node, level, part = waiting.pop()
        low, high = part.min(axis=0), part.max(axis=0)
        movable = np.flatnonzero(high > low)
        if level == levels or not len(movable):
            depth[node] = level + _usual_depth(len(part))
            continue
        channel[node] = chosen = rng.choice(movable)
        cut[node] = rng.uniform(low[chosen], high[chosen])
        left = part[:, chosen] <= cut[node]
        waiting += [(2 * node + 1, level + 1, part[left]), (2 * node + 2, level + 1, part[~left])]
    return _Tree(channel, cut, depth)


def _depths(rows: Array, tree: _Tree) -> Array:
    """How deep each row falls, all rows one level at a time."""
    node = np.zeros(len(rows), dtype=np.int64)
    while True:
        channel = tree.channel[node]
        inner = np.flatnonzero(channel >= 0)
        if not len(inner):
            return tree.depth[node]
        right = rows[inner, channel[inner]] > tree.cut[node[inner]]
        node[inner] = 2 * node[inner] + 1 + right


def _usual_depth(rows: int) -> float:
    """Mean depth of an unsuccessful search in a binary tree of so many rows; the paper's c(n)."""
    if rows <= 1:
        return 0.0
    return 2 * (math.log(rows - 1) + _EULER) - 2 * (rows - 1) / rows if rows > 2 else 1.0
