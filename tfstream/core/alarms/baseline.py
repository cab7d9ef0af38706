"""An asset's usual score: where it begins, and how it slowly follows."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]

_CENTER_RATE = 1 / 256
_SPREAD_RATE = 1 / 1024
_SPREAD_FACTOR = 2.0  # how far the spread may depart from the calibrated one
_SMALLEST = 0.05
_PRIOR_CENTER_SCORES = 1
_PRIOR_SPREAD_SCORES = 16


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """An asset's usual score: ``center`` follows its median, ``spread`` its median distance from it.

    Each quiet score moves both by a small step whose size does not depend on how far away the score lies, so
    that no single one can move the level. However long they go on, the spread stays within a factor of two of
    the ``usual`` one: a level that has moved must not make the asset blind, nor an idle one touchy.
    """

    center: float
    spread: float
    usual: float

    def normalised(self, score: float) -> float:
        return (score - self.center) / self.spread

    def updated(self, score: float) -> Baseline:
        """The baseline after one more quiet score."""
        distance = (score - self.center) / self.spread
        step = _CENTER_RATE * self.spread
        widest = max(self.spread, _SPREAD_FACTOR * self.usual)  # a wider start may only come down, and soon
        rate = _CENTER_RATE if self.spread > _SPREAD_FACTOR * self.usual else _SPREAD_RATE
        widening = 1 + rate * (1 if abs(distance) > 1 else -1)
        return Baseline(
            center=self.center + step * max(-1.0, min(1.0, distance)),
            spread=min(max(self.spread * widening, self.usual / _SPREAD_FACTOR), widest),
            usual=self.usual,
        )


def levels(every: Scores, by_asset: Mapping[str, Scores]) -> tuple[Baseline, dict[str, Baseline]]:
    """Where an unknown asset begins, and the known ones.

    Assets differ in their level far more than in how much they move about it: an unknown one begins as wide
    as all scores lie, and narrows down to what is usual within an asset.
    """
    center = float(np.median(every))
    within = _spread(np.concatenate([scores - np.median(scores) for scores in by_asset.values()]))
    assets = {asset: _level(scores, center, within) for asset, scores in by_asset.items()}
    return Baseline(center=center, spread=max(_spread(every - center), within), usual=within), assets


def _level(scores: Scores, center: float, within: float) -> Baseline:
    """An asset's own level, drawn towards what all assets have the fewer scores there are."""
    own = float(np.median(scores))
    spread = drawn(_spread(scores - own), within, len(scores), _PRIOR_SPREAD_SCORES)
    return Baseline(center=drawn(own, center, len(scores), _PRIOR_CENTER_SCORES), spread=spread, usual=spread)


def _spread(distances: Scores) -> float:
    return max(float(np.median(np.abs(distances))), _SMALLEST)


def followed(scores: Scores, baseline: Baseline) -> Scores:
    """The scores as a running baseline normalises them."""
    values = np.empty(len(scores))
    for i, score in enumerate(scores.tolist()):
        values[i] = baseline.normalised(score)
        baseline = baseline.updated(score)
    return values


def drawn(own: float, prior: float, count: float, prior_count: float) -> float:
    """A mean of what ``count`` cases say and of a prior that weighs as much as ``prior_count``."""
    return (count * own + prior_count * prior) / (count + prior_count)
