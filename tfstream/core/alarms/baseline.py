"""An asset's usual score: its first value from training, and how it follows the asset's quiet scores."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]

_CENTER_RATE = 1 / 256
_SPREAD_RATE = 1 / 1024
_SPREAD_FACTOR = 2.0  # largest ratio between the spread and the calibrated spread
_SMALLEST = 0.05
_PRIOR_CENTER_SCORES = 1
_PRIOR_SPREAD_SCORES = 16


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """An asset's usual score: ``center`` follows its median, ``spread`` its median distance from it.

    Each quiet score moves both by a small step. The size of the step does not depend on how far away the
    score lies, so no single score can move the level. The spread always stays within a factor of two of the
    ``usual`` spread: a level that has moved must not hide faults, and an idle asset must not raise alarms at
    small changes.
    """

    center: float
    spread: float
    usual: float

    def normalised(self, score: float) -> float:
        """The score's distance from the center, in spreads."""
        return (score - self.center) / self.spread

    def updated(self, score: float) -> Baseline:
        """The baseline after one more quiet score."""
        distance = (score - self.center) / self.spread
        step = _CENTER_RATE * self.spread
        # an initial spread beyond the factor may only fall, at a faster rate
        widest = max(self.spread, _SPREAD_FACTOR * self.usual)
        rate = _CENTER_RATE if self.spread > _SPREAD_FACTOR * self.usual else _SPREAD_RATE
        widening = 1 + rate * (1 if abs(distance) > 1 else -1)
        return Baseline(
            center=self.center + step * max(-1.0, min(1.0, distance)),
            spread=min(max(self.spread * widening, self.usual / _SPREAD_FACTOR), widest),
            usual=self.usual,
        )


def fit_baselines(every: Scores, by_asset: Mapping[str, Scores]) -> tuple[Baseline, dict[str, Baseline]]:
    """The initial baseline of unknown assets, and those of the assets in ``by_asset``.

    Assets differ in their level far more than in how much they move about it. An unknown asset therefore
    begins with the spread of all scores, which narrows to the spread that is usual within an asset.
    """
    center = float(np.median(every))
    within = _spread(np.concatenate([scores - np.median(scores) for scores in by_asset.values()]))
    assets = {asset: _fit_baseline(scores, center, within) for asset, scores in by_asset.items()}
    return Baseline(center=center, spread=max(_spread(every - center), within), usual=within), assets


def _fit_baseline(scores: Scores, center: float, within: float) -> Baseline:
    """An asset's own baseline; the fewer its scores, the closer to the baseline of all assets."""
    own = float(np.median(scores))
    spread = shrink(_spread(scores - own), within, len(scores), _PRIOR_SPREAD_SCORES)
    own = shrink(own, center, len(scores), _PRIOR_CENTER_SCORES)
    return Baseline(center=own, spread=spread, usual=spread)


def _spread(distances: Scores) -> float:
    return max(float(np.median(np.abs(distances))), _SMALLEST)


def normalise_run(scores: Scores, baseline: Baseline) -> Scores:
    """Normalise scores ``[n]`` in order, each by the baseline after the scores before it."""
    values = np.empty(len(scores))
    for i, score in enumerate(scores.tolist()):
        values[i] = baseline.normalised(score)
        baseline = baseline.updated(score)
    return values


def shrink(own: float, prior: float, count: float, prior_count: float) -> float:
    """The mean of ``own``, from ``count`` cases, and of ``prior``, which counts as ``prior_count`` cases."""
    return (count * own + prior_count * prior) / (count + prior_count)
