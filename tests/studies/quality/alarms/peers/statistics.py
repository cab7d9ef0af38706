"""What a peer measures: statistics of standardised rows, high where the rows are unusual."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class FittedStatistics(Protocol):
    """Statistics that have learnt from normal rows."""

    @property
    def names(self) -> tuple[str, ...]:
        """The statistics' names; each has a share of the alarm budget."""

    def measure(self, rows: Array) -> Array:
        """``[rows, statistics]`` of standardised ``rows [rows, sensors]`` of an unbroken piece.

        A row's values depend on no later row. NaN where a statistic has no value.
        """

    def blame(self, rows: Array, at: int, statistic: int) -> Array | None:
        """``[sensors]``: what each sensor adds to a statistic at row ``at``; None: the method cannot say."""


class LearnStatistics(Protocol):
    """Learns statistics from standardised ``pieces``, each ``[rows, sensors]``.

    :raises BadData: when there is too little to learn from.
    """

    def __call__(self, pieces: Sequence[Array], seed: int) -> FittedStatistics: ...
