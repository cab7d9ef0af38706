"""A peer as a method of the study: the same learning rows, calibration and alarm rule for every peer.

1. The newest quarter of each asset's rows is held out. The statistics learn from the rows before.
2. The threshold of each statistic comes from the held-out rows and the alarm budget (``peer_threshold.py``).
3. The statistics learn again from all rows; the thresholds stay.

Step 3 and the thresholds of step 2 belong together as far as normal rows look alike, which is what every
detector that is put to work assumes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.studies.quality.alarms.methods import FittedAlarms, NamedAlarm
from tests.studies.quality.alarms.peers.peer_alarms import Crossing, crossings
from tests.studies.quality.alarms.peers.peer_threshold import HeldOutStatistic, peer_threshold
from tests.studies.quality.alarms.peers.standardiser import Standardiser
from tests.studies.quality.alarms.peers.statistics import Array, FittedStatistics, LearnStatistics
from tfstream.core.reading import Series
from tfstream.core.stream import StreamDefinition
from tfstream.errors import BadData

_HELD_OUT = 4  # a quarter
_CONTEXT_ROWS = 64  # before the first row that is scored: no statistic looks further back
_HOP_ROWS = 8


@dataclass(frozen=True, kw_only=True)
class FittedPeer:
    """Statistics, and their ``thresholds [statistics]``."""

    sensors: tuple[str, ...]
    standardiser: Standardiser
    statistics: FittedStatistics
    thresholds: tuple[float, ...]

    def alarms(self, series: Series, first_row: int) -> list[NamedAlarm]:
        """An alarm begins where a statistic goes over its threshold after 16 rows without such a row."""
        context = max(first_row - _CONTEXT_ROWS, 0) // _HOP_ROWS * _HOP_ROWS
        rows = self.standardiser.rows(series)
        values = np.full((len(rows), len(self.thresholds)), np.nan)
        values[context:] = self.statistics.measure(rows[context:])
        values[:first_row] = np.nan
        return [self._named(crossing, rows) for crossing in crossings(values, self.thresholds)]

    def _named(self, crossing: Crossing, rows: Array) -> NamedAlarm:
        blame = self.statistics.blame(rows, crossing.first, crossing.statistic)
        order = [] if blame is None else (-blame).argsort(kind="stable").tolist()
        return NamedAlarm(
            first=crossing.first,
            raised=crossing.first + 1,
            stop=crossing.stop,
            sensors=tuple(self.sensors[index] for index in order),
            witness=self.statistics.names[crossing.statistic],
        )


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A published detector; ``learn`` fits its statistics."""

    name: str
    learn: LearnStatistics

    def fit(
        self,
        series: Sequence[Series],
        definition: StreamDefinition,
        seed: int,
        champion: FittedAlarms | None = None,
    ) -> FittedPeer:
        """:raises BadData: when there is too little to learn from."""
        first_held = _first_held_rows(series)
        standardiser = Standardiser.of(_before(series, first_held))
        pieces = [standardiser.rows(piece) for piece in series]
        learnt = [rows[:first] for rows, first in zip(pieces, first_held, strict=True) if first]
        tested = self.learn(learnt, seed)
        measured = [tested.measure(rows) for rows in pieces]
        thresholds = tuple(
            peer_threshold(
                [
                    HeldOutStatistic.of(values[:, number], first)
                    for values, first in zip(measured, first_held, strict=True)
                ],
                budget_per_week=definition.alarm_budget_per_week / len(tested.names),
                rows_per_week=definition.rows_per_week,
            )
            for number in range(len(tested.names))
        )
        final = Standardiser.of(series)
        statistics = self.learn([final.rows(piece) for piece in series], seed)
        return FittedPeer(
            sensors=definition.sensors, standardiser=final, statistics=statistics, thresholds=thresholds
        )


def _before(series: Sequence[Series], first_held: Sequence[int]) -> list[Series]:
    return [
        Series(piece.asset, piece.times_us[:first], piece.values[:first])
        for piece, first in zip(series, first_held, strict=True)
    ]


def _first_held_rows(series: Sequence[Series]) -> list[int]:
    """For each piece the first row that is held out: the newest quarter of its asset's rows.

    :raises BadData: when no row would be left on either side.
    """
    rows = dict.fromkeys(dict.fromkeys(piece.asset for piece in series), 0)
    for piece in series:
        rows[piece.asset] += len(piece.values)
    learn = {asset: count - count // _HELD_OUT for asset, count in rows.items()}
    if not any(count // _HELD_OUT for count in rows.values()):
        raise BadData("too little to learn from: no row is left to set a threshold on")
    first_held = []
    for piece in series:
        first = min(learn[piece.asset], len(piece.values))
        learn[piece.asset] -= first
        first_held.append(first)
    return first_held
