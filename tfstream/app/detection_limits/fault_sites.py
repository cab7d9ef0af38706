"""The places of the held-out rows in which faults begin, and the rows that lead to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfstream.core.learning.held_out import HeldOut, HeldOutPiece
from tfstream.core.reading import Series, Values
from tfstream.model.witnesses.pyramid import GRID_ROWS

_WITHIN_US = 8 * 3600 * 1_000_000  # a shift: whoever was there when the fault began is still there
_FEWEST, _MOST_ROWS = 64, 1_024  # of a fault, where the sampling interval gives fewer or more in 8 hours
_LEAST_ROWS = 32  # four hops
_LEAD_ROWS = 24 * GRID_ROWS[-1]  # the levels of the highest grid know what is usual by then
MOST_SITES = 3


class FaultSite(NamedTuple):
    """``rows [lead + fault's rows, sensors]`` of an asset; the fault begins after ``lead`` rows.

    ``first_index`` is the index of the first row in the stream.
    """

    asset: str
    rows: Values
    lead: int
    first_index: int

    @property
    def clean(self) -> Values:
        """The rows in which the faults are, without one: ``[rows, sensors]``."""
        return self.rows[self.lead :]

    @property
    def start(self) -> int:
        """The index of the fault's first row in the stream."""
        return self.first_index + self.lead


def fault_rows(held: HeldOut, interval_us: int) -> int:
    """How many rows a fault lasts: those of 8 hours, from 64 to 1,024.

    Where the held-out rows have fewer, two thirds of the longest piece, so that faults have several places; 0
    where they are too few for any fault.
    """
    longest = max((piece.rows for piece in held.pieces), default=0)
    rows = min(max(_WITHIN_US // interval_us, _FEWEST), _MOST_ROWS)
    if rows > longest:
        rows = max(2 * longest // 3, min(longest, _FEWEST))
    return rows if rows >= _LEAST_ROWS else 0


def choose_sites(held: HeldOut, interval_us: int, rows: int, sites: int) -> list[FaultSite]:
    """Up to ``sites`` places for faults of ``rows`` rows, evenly over all held-out rows of all assets."""
    places = [
        (number, start)
        for number, piece in enumerate(held.pieces)
        for start in range(piece.first_row, len(piece.series.values) - rows + 1)
    ]
    parts = [(2 * part + 1) / (2 * sites) for part in range(sites)]
    chosen = dict.fromkeys(places[int(part * len(places))] for part in parts)
    return [_site(held, held.pieces[number], start, rows, interval_us) for number, start in chosen]


def _site(held: HeldOut, piece: HeldOutPiece, start: int, rows: int, interval_us: int) -> FaultSite:
    series = _with_rows_before(piece, held.learn, interval_us)
    start += len(series.values) - len(piece.series.values)
    first = max(start - _LEAD_ROWS, 0)
    values = series.values[first : start + rows]
    return FaultSite(piece.series.asset, values, start - first, int(series.times_us[first]) // interval_us)


def _with_rows_before(piece: HeldOutPiece, learn: Sequence[Series], interval_us: int) -> Series:
    """The held-out piece with the rows that were learnt from before it, where none is missing between."""
    asset, times_us, values = piece.series
    cut_us = int(times_us[piece.first_row])
    for earlier in learn:
        if earlier.asset == asset and int(earlier.times_us[-1]) == cut_us - interval_us:
            kept = slice(-min(len(earlier.values), _LEAD_ROWS), None)
            return Series(
                asset,
                np.concatenate([earlier.times_us[kept], times_us[piece.first_row :]]),
                np.concatenate([earlier.values[kept], values[piece.first_row :]]),
            )
    return piece.series
