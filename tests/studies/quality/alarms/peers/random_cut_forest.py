"""Robust random cut forest (Guha, Mishra, Roy and Schrijvers, ICML 2016) by rrcf.

Every eighth row, the newest eight rows are a point: as they are where there are few sensors (a shingle), as
means of 2, 4 or 8 rows where there are many. 40 trees of 256 points each stay as learnt; a point is put into
every tree. The statistic is the logarithm of the mean collusive displacement.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from tests.studies.quality.alarms.peers.statistics import Array
from tfstream.errors import BadData

_TREES, _POINTS = 40, 256
_HOP = 8  # rows of a point, and from one point to the next
_MOST_VALUES = 40  # of a point
_JITTER = 1e-6  # deviations: rrcf cannot part points that are equal


def _load_rrcf() -> ModuleType:
    """The module of the trees; its package needs pkg_resources, which setuptools has removed."""
    package = importlib.util.find_spec("rrcf")
    assert package is not None
    assert package.origin is not None
    spec = importlib.util.spec_from_file_location("rrcf_trees", Path(package.origin).with_name("rrcf.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_RRCF = _load_rrcf()


@dataclass(frozen=True, kw_only=True)
class ForestScores:
    """The displacement of each point; a point counts for its last row."""

    trees: tuple[Any, ...]
    names: tuple[str, ...] = ("random cut forest",)

    def measure(self, rows: Array) -> Array:
        values = np.full((len(rows), 1), np.nan)
        points = _points(rows)
        for number, point in enumerate(points):
            values[number * _HOP + _HOP - 1, 0] = np.log(self._displacements(point).sum())
        return values

    def blame(self, rows: Array, at: int, statistic: int) -> Array:
        """The displacement by the sensor of the cut that causes it."""
        point = _points(rows[at + 1 - _HOP : at + 1])[0]
        by_sensor: Array = self._displacements(point).reshape(-1, rows.shape[1]).sum(axis=0)
        return by_sensor

    def _displacements(self, point: Array) -> Array:
        """``[values]``: the mean over the trees, by the dimension of the cut."""
        by_dimension = np.zeros(len(point))
        for number, tree in enumerate(self.trees):
            tree.rng = np.random.RandomState(number)  # a point's value must not depend on the points before
            displacement = collusive_displacement(tree.insert_point(point, index=_POINTS))
            tree.forget_point(_POINTS)
            by_dimension[displacement.dimension] += displacement.size / len(self.trees)
        return by_dimension


class Displacement(NamedTuple):
    """How many points a point displaces with its likes, and the dimension of the cut that sets them apart."""

    size: float
    dimension: int


def collusive_displacement(leaf: Any) -> Displacement:
    """``RCTree.codisp`` with the cut: the largest displacement on the way from a leaf to the root."""
    largest = Displacement(0.0, 0)
    node = leaf
    while (parent := node.u) is not None:
        sibling = parent.r if parent.l is node else parent.l
        largest = max(largest, Displacement(sibling.n / node.n, int(parent.q)))
        node = parent
    return largest


def learn_random_cut_forest(pieces: Sequence[Array], seed: int) -> ForestScores:
    """Learn from standardised pieces.

    :raises BadData: when there are fewer than two points.
    """
    points = np.concatenate([_points(piece, step=1) for piece in pieces])
    if len(points) < 2:
        raise BadData("too little to learn from: the forest needs two points")
    random = np.random.default_rng(seed)
    trees = []
    for number in range(_TREES):
        chosen = points[random.permutation(len(points))[:_POINTS]]
        chosen = chosen + _JITTER * random.normal(size=chosen.shape)
        trees.append(_RRCF.RCTree(chosen, random_state=seed * _TREES + number))
    return ForestScores(trees=tuple(trees))


def _points(rows: Array, step: int = _HOP) -> Array:
    """``[points, values]``: eight rows each, or their means, so that a point has few values."""
    sensors = rows.shape[1]
    if len(rows) < _HOP:
        return np.empty((0, _blocks(sensors) * sensors))
    starts = np.arange(0, len(rows) - _HOP + 1, step)
    windows = rows[starts[:, None] + np.arange(_HOP)]  # [points, 8, sensors]
    blocks = windows.reshape(len(starts), _blocks(sensors), -1, sensors).mean(axis=2)
    points: Array = blocks.reshape(len(starts), -1)
    return points


def _blocks(sensors: int) -> int:
    """8, 4, 2 or 1 means of a point's rows."""
    return next((blocks for blocks in (8, 4, 2) if blocks * sensors <= _MOST_VALUES), 1)
