"""How often in a week normal rows reach what the witnesses show at each row of a series.

The witnesses are those of a champion, or of a first fit to the series itself. That fit judges by the usual
peaks alone: a few faults in the series may lie beyond them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.alarms.pareto_tail import USUAL_TAIL
from tfstream.core.alarms.witness_rule import budget_shares
from tfstream.core.instruments.counters import CounterTransform, find_counters
from tfstream.core.reading import Series, Times
from tfstream.core.scaler import Scaler
from tfstream.model.fitting.streamed_statistics import LEAD_ROWS, stream_values, streamed
from tfstream.model.fitting.witness_fit import fit_witnesses
from tfstream.model.scoring.detector import Detector
from tfstream.model.witnesses.witness_model import WitnessModel

_NO_TIMES: Times = np.empty(0, dtype=np.int64)


class UsualRates(NamedTuple):
    """Of each row of a piece: ``expected_per_week [rows]``, and the number of the ``tail [rows]`` behind it.

    ``expected_per_week`` is infinite where no witness exceeds the rate that was asked for.
    """

    expected_per_week: NDArray[np.float64]
    tail: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class UsualWitnesses:
    """Witnesses that know what is usual, and what they need to read a series in its sensors' own units."""

    witnesses: WitnessModel
    scaler: Scaler
    counters: CounterTransform
    interval_us: int

    @classmethod
    def of(cls, detector: Detector) -> UsualWitnesses:
        """The witnesses of a detector, such as the champion."""
        return cls(
            witnesses=detector.witnesses,
            scaler=detector.scaler,
            counters=detector.counters,
            interval_us=detector.interval_us,
        )

    @classmethod
    def fitted_to(cls, series: Sequence[Series], interval_us: int, time_zone: str) -> UsualWitnesses:
        """Witnesses of the usual rows of the series themselves; none where there are too few rows."""
        counters = CounterTransform(find_counters(series))
        pieces = [piece._replace(values=counters.transform(piece.values)) for piece in series]
        scaler = Scaler.fit([Series(piece.asset, _NO_TIMES, piece.values) for piece in pieces])
        witnesses = fit_witnesses(pieces, scaler, interval_us, time_zone, tail_fit=USUAL_TAIL)
        return cls(witnesses=witnesses, scaler=scaler, counters=counters, interval_us=interval_us)

    def rates(self, piece: Series, most_per_week: float) -> UsualRates:
        """The rates of an unbroken piece, as far as they lie under ``most_per_week``.

        A row of a coarse grid counts for all rows of the stream in it.
        """
        rows = len(piece.values)
        expected, loudest = np.full(rows, np.inf), np.zeros(rows, dtype=np.int64)
        if not self.witnesses.admitted:
            return UsualRates(expected, loudest)
        values = stream_values(
            self.witnesses.grids, self.scaler, self._own(piece), range(rows), self.interval_us
        )
        first = int(piece.times_us[0]) // self.interval_us
        for number, tail in enumerate(self.witnesses.admitted):
            if tail.level not in values:
                continue
            ends, statistics = values[tail.level]
            shown = tail.normalised(statistics[:, tail.statistic])
            with np.errstate(invalid="ignore"):
                standing = np.flatnonzero(shown >= tail.tail.threshold(most_per_week * self._share))
            for at in standing.tolist():
                rate = tail.tail.expected_per_week(float(shown[at])) / self._share
                stop = int(ends[at]) - first + 1
                part = np.arange(max(stop - tail.grid_rows, 0), stop)
                rarer = part[expected[part] > rate]
                expected[rarer], loudest[rarer] = rate, number
        return UsualRates(expected, loudest)

    def blamed(self, piece: Series, row: int, number: int) -> list[int]:
        """The sensors, by column, that a witness blames at a row of a piece, the first to blame first."""
        tail = self.witnesses.admitted[number]
        grid = self.witnesses.grids[tail.level]
        begin = max(row - LEAD_ROWS * grid.rows, 0)
        stop = min(row + grid.rows, len(piece.values))
        wanted = int(piece.times_us[row]) // self.interval_us
        grids = self.witnesses.grids[: tail.level + 1]
        for computed in streamed(grids, self.scaler, self._own(piece), range(begin, stop), self.interval_us):
            if tail.level < len(computed):
                ends = computed[tail.level].entered.ends
                at = int(np.searchsorted(ends, wanted))
                if at < len(ends):
                    compared = computed[tail.level].compared[tail.statistic][at]
                    departures = grid.blame(tail.statistic, compared, piece.asset, int(ends[at]))
                    return [departure.sensor for departure in departures]
        return []

    def _own(self, piece: Series) -> Series:
        return piece._replace(values=self.counters.transform(piece.values))

    @cached_property
    def _share(self) -> float:
        return budget_shares(len(self.witnesses.admitted), instruments=True).tail
