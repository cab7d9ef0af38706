"""Other methods from scores to alarms: SPOT, DSPOT, dynamic thresholds, a plain quantile.

Each takes the scores of held-out normal data ``initial [m]`` and returns which of the ``scores [n]`` exceed
its threshold. ``risk`` is the probability that a normal score exceeds it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Exceeds = NDArray[np.bool_]

_TAIL_FROM = 0.98  # of the initial scores, as in the paper
_DEPTH = 100  # scores that DSPOT's moving mean covers
_HISTORY, _BATCH = 2100, 70  # scores from which a dynamic threshold is set, and scores between two settings
_FACTORS = np.arange(2.0, 12.0, 0.5)
_LEAST_DROP = 0.13
_SHAPES = np.geomspace(1e-3, 20.0, 40)


def quantile(initial: Scores, scores: Scores, risk: float) -> Exceeds:
    """The empirical quantile of the initial scores."""
    return np.asarray(scores > np.quantile(initial, 1 - min(risk, 1.0)))


def spot(initial: Scores, scores: Scores, risk: float) -> Exceeds:
    """Siffer et al., "Anomaly Detection in Streams with Extreme Value Theory", KDD 2017, algorithm 1."""
    tail = _PeaksOverThreshold(initial, risk)
    return np.array([tail.exceeds(score) for score in scores.tolist()])


def dspot(initial: Scores, scores: Scores, risk: float) -> Exceeds:
    """Siffer et al., algorithm 2: SPOT on scores minus the mean of the last ``_DEPTH`` normal scores."""
    depth = min(_DEPTH, len(initial) // 2)
    recent = deque(initial[:depth].tolist(), maxlen=depth)
    departures = []
    for score in initial[depth:].tolist():
        departures.append(score - sum(recent) / depth)
        recent.append(score)
    tail = _PeaksOverThreshold(np.array(departures), risk)
    alarms = np.zeros(len(scores), dtype=np.bool_)
    for index, score in enumerate(scores.tolist()):
        alarms[index] = tail.exceeds(score - sum(recent) / depth)
        if not alarms[index]:
            recent.append(score)
    return alarms


class _PeaksOverThreshold:
    """The peaks over a quantile and their generalised Pareto distribution, updated with every score."""

    def __init__(self, initial: Scores, risk: float) -> None:
        self._risk = risk
        self._from = float(np.quantile(initial, _TAIL_FROM))
        self._peaks = (initial[initial > self._from] - self._from).tolist()
        self._count = len(initial)
        self._threshold = self._fitted()

    def exceeds(self, score: float) -> bool:
        """Whether a score is an alarm; other scores update the distribution."""
        if score > self._threshold:
            return True
        self._count += 1
        if score > self._from:
            self._peaks.append(score - self._from)
            self._threshold = self._fitted()
        return False

    def _fitted(self) -> float:
        if not self._peaks:
            return self._from
        shape, scale = _most_likely(np.array(self._peaks))
        ratio = max(len(self._peaks) / (self._risk * self._count), 1.0)
        if abs(shape) < 1e-6:
            return self._from + scale * math.log(ratio)
        return self._from + scale / shape * math.expm1(shape * math.log(ratio))


def _most_likely(peaks: Scores) -> tuple[float, float]:
    """``(shape, scale)``: Grimshaw's one-dimensional likelihood, by a grid of shape over scale."""
    mean, largest = float(peaks.mean()), float(peaks.max())
    ratio = np.concatenate([_SHAPES / mean, -np.linspace(0.999, 0.001, 60) / largest])  # [grid]
    shape = np.log1p(ratio[:, None] * peaks).mean(axis=1)
    scale = shape / ratio
    likelihood = -np.log(scale) - shape - 1
    best = int(np.argmax(likelihood))
    if -math.log(mean) - 1 >= likelihood[best]:
        return 0.0, mean
    return float(shape[best]), float(scale[best])


def dynamic(initial: Scores, scores: Scores, risk: float) -> Exceeds:
    """Hundman et al., "Detecting Spacecraft Anomalies …", KDD 2018: thresholds without a risk.

    For every batch, the threshold is the mean plus the multiple of the deviation that reduces both most for
    the fewest alarms. The scores are already smooth and are not smoothed again.
    """
    every = np.concatenate([initial, scores])
    alarms = np.zeros(len(every), dtype=np.bool_)
    for start in range(len(initial), len(every), _BATCH):
        stop = min(start + _BATCH, len(every))
        history = every[max(stop - _HISTORY, 0) : stop]
        alarms[start:stop] = _pruned(history, _threshold(history))[-(stop - start) :]
    return alarms[len(initial) :]


def _threshold(history: Scores) -> float:
    mean, deviation = float(history.mean()), float(history.std())
    best, chosen = -math.inf, math.inf
    for threshold in (mean + _FACTORS * deviation).tolist():
        over = history > threshold
        starts = _starts(over)
        if not over.any() or over.mean() >= 0.5 or len(starts) > 5:
            continue
        below = history[~over]
        gain = (mean - below.mean()) / mean + (deviation - below.std()) / deviation
        value = gain / (over.sum() + len(starts) ** 2)
        if value >= best:
            best, chosen = value, threshold
    return chosen


def _pruned(history: Scores, threshold: float) -> Exceeds:
    """Scores over the threshold, without runs whose peak is hardly higher than the next lower peak."""
    over = history > threshold
    if not over.any():
        return over
    starts = _starts(over)
    runs = [(start, start + int(np.argmin(np.append(over[start:], False)))) for start in starts]
    runs.sort(key=lambda run: -history[run[0] : run[1]].max())
    peaks = [float(history[start:stop].max()) for start, stop in runs] + [float(history[~over].max())]
    kept = max(
        (i + 1 for i in range(len(runs)) if (peaks[i] - peaks[i + 1]) / peaks[i] > _LEAST_DROP), default=0
    )
    for start, stop in runs[kept:]:
        over[start:stop] = False
    return over


def _starts(over: Exceeds) -> list[int]:
    """The first index of each run."""
    before = np.concatenate([[False], over[:-1]])
    first: list[int] = np.flatnonzero(over & ~before).tolist()
    return first


THRESHOLD_METHODS: Mapping[str, Callable[[Scores, Scores, float], Exceeds]] = MappingProxyType(
    {"SPOT": spot, "DSPOT": dspot, "dynamic threshold": dynamic, "plain quantile": quantile}
)
