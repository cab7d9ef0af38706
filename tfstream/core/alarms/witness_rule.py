"""Which witness speaks at a row, and whether it exceeds its share of the alarm budget.

The checks of instruments have a twentieth of the budget, for which their limits were learnt. The score has
half of the rest where other witnesses are admitted, else all of it; the other witnesses share what remains
equally. An ``expected_per_week`` is divided by the share of its witness: it is then how often in a week
normal data give a value as rare as this to any witness, and the same scale holds for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.alarms.judgement import Judgement
from tfstream.core.alarms.witness_tail import WitnessTail
from tfstream.core.instruments.instrument_limits import PER_WEEK
from tfstream.core.messages.anomaly_event import rounded
from tfstream.core.messages.witness import Witness

INSTRUMENTS_SHARE = PER_WEEK  # their limits were learnt for this share of one alarm a week
_WITNESSES_SHARE = 0.5  # of what the instruments leave
_HOLD_RATE = 8  # the lower level of the hysteresis: normal data reach it so many times as often

Array = NDArray[np.float64]


class BudgetShares(NamedTuple):
    """The shares of the alarm budget: of the score, of each of the admitted tails, and of the instruments."""

    score: float
    tail: float
    instruments: float


def budget_shares(tails: int, *, instruments: bool) -> BudgetShares:
    """The shares beside ``tails`` admitted tails; all of them together make 1."""
    checked = INSTRUMENTS_SHARE if instruments else 0.0
    others = _WITNESSES_SHARE if tails else 0.0
    rest = 1.0 - checked
    return BudgetShares(rest * (1.0 - others), rest * others / max(tails, 1), checked)


class HeardWitness(NamedTuple):
    """The judgement of the witness that speaks loudest at a row; ``number`` is that of its tail."""

    judgement: Judgement
    number: int


class WitnessRule:
    """The admitted tails of a stream under an alarm budget, of which each has a ``share``."""

    def __init__(
        self, tails: Sequence[WitnessTail], share: float, budget_per_week: float, interval_us: int
    ) -> None:
        self._tails = tuple(tails)
        self._share = share
        self._budget = budget_per_week
        self._interval_us = interval_us

    @cached_property
    def thresholds(self) -> Array:
        """``[tails]``, in spreads."""
        return np.array([tail.tail.threshold(self._budget * self._share) for tail in self._tails])

    @cached_property
    def grid_rows(self) -> NDArray[np.int64]:
        """``[tails]``: rows of the stream in a row of each tail's grid."""
        return np.array([tail.grid_rows for tail in self._tails], dtype=np.int64)

    @cached_property
    def is_levels(self) -> NDArray[np.bool_]:
        """``[tails]``: which tails compare levels."""
        return np.array([tail.witness is Witness.LEVELS for tail in self._tails], dtype=np.bool_)

    @cached_property
    def holds(self) -> Array:
        """The lower level of the hysteresis, ``[tails]``, in spreads.

        It follows from a rate, because many statistics together often reach a level halfway to their
        thresholds, and an alarm would never end.
        """
        budget = _HOLD_RATE * self._budget * self._share
        return np.array([tail.tail.threshold(budget) for tail in self._tails])

    def thresholds_of(self, witness: Witness, scale_s: float | None) -> list[float]:
        """The thresholds of a witness at a time scale, as judgements carry them: one for each statistic."""
        return [rounded(float(self.thresholds[number])) for number in self._numbers(witness, scale_s)]

    def budget_behind(self, threshold: float, witness: Witness, scale_s: float | None) -> float:
        """The alarm budget that gives a recorded threshold; 0 where no budget does.

        Two statistics of a witness may have the same time scale. The budget that is closest to the present
        budget is taken, because a budget rarely changes much.
        """
        budgets = [
            self._tails[number].tail.expected_per_week(threshold) / self._share
            for number in self._numbers(witness, scale_s)
        ]
        possible = [budget for budget in budgets if budget > 0]
        return min(possible, key=lambda budget: abs(math.log(budget / self._budget)), default=0.0)

    def _numbers(self, witness: Witness, scale_s: float | None) -> list[int]:
        """The tails of a witness; ``scale_s`` None: at any time scale."""
        return [
            number
            for number, tail in enumerate(self._tails)
            if tail.witness is witness and scale_s in (None, self._scale_s(tail))
        ]

    def _scale_s(self, tail: WitnessTail) -> float:
        return tail.scale_rows * self._interval_us / 1e6

    def speaking(self, values: Array) -> NDArray[np.bool_]:
        """``[n, tails]``: which of the normalised values ``[n, tails]`` reach the lower level."""
        with np.errstate(invalid="ignore"):
            return np.asarray(values >= self.holds, dtype=np.bool_)

    def judge(self, values: Array, fired: NDArray[np.bool_]) -> HeardWitness | None:
        """The loudest of the normalised values ``[tails]`` of a row, NaN where a tail has none.

        None when no value reaches its lower level. ``fired [tails]`` is true for tails that have exceeded
        their threshold and were not quiet since; it is brought up to date.
        """
        known = ~np.isnan(values)
        speaking = self.speaking(values)
        heard = [
            self._heard(number, float(values[number]), crossing=not fired[number])
            for number in np.flatnonzero(speaking).tolist()
        ]
        with np.errstate(invalid="ignore"):
            fired |= values >= self.thresholds
        fired &= speaking | ~known
        return min(heard, key=lambda each: each.judgement.rank, default=None)

    def _heard(self, number: int, value: float, *, crossing: bool) -> HeardWitness:
        tail = self._tails[number]
        judgement = Judgement(
            value=rounded(value),
            threshold=rounded(float(self.thresholds[number])),
            hold=float(self.holds[number]),
            expected_per_week=rounded(tail.tail.expected_per_week(value) / self._share),
            witness=tail.witness,
            scale_s=self._scale_s(tail),
            extrapolated=tail.tail.extrapolated(self._budget),
            crossing=crossing,
        )
        return HeardWitness(judgement, number)
