"""The tail of a witness's normal values: how often normal data reach a value, and the inverse."""

from __future__ import annotations

import math

import msgspec

_LEAST_EXCESS = 0.01  # spreads
_LARGEST_RATIO = math.exp(40)
_LEAST_SHAPE = 1e-6  # below it, the tail is exponential


class Tail(msgspec.Struct, frozen=True, kw_only=True):
    """The generalised Pareto tail ``(u, sigma, xi)`` of the clusters of normal values over ``u``, in spreads.

    It was fitted to ``clusters`` clusters in ``weeks`` of data.
    """

    u: float
    sigma: float
    xi: float
    clusters: int
    clusters_per_week: float
    weeks: float

    def threshold(self, budget_per_week: float) -> float:
        """The value that normal data exceed ``budget_per_week`` times a week.

        It is always a little larger than ``u``: the scores of an idle machine all equal ``u`` and must not be
        alarms.
        """
        ratio = min(self.clusters_per_week / budget_per_week, _LARGEST_RATIO)
        rarity = math.log(max(ratio, 1.0))
        excess = rarity if abs(self.xi) < _LEAST_SHAPE else math.expm1(self.xi * rarity) / self.xi
        return self.u + max(self.sigma * excess, _LEAST_EXCESS)

    def expected_per_week(self, value: float) -> float:
        """The inverse of :meth:`threshold`: how often in a week normal data exceed a value."""
        excess = max(value - self.u, 0.0) / self.sigma
        if abs(self.xi) < _LEAST_SHAPE:
            return self.clusters_per_week * math.exp(-excess)
        base = 1 + self.xi * excess
        return 0.0 if base <= 0 else self.clusters_per_week * float(base ** (-1 / self.xi))

    def extrapolated(self, budget_per_week: float) -> bool:
        """Whether the data of the calibration are too few: the budget gives less than two alarms in them."""
        return budget_per_week * self.weeks < 2
