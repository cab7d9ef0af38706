"""The newest normal rows are held out for the gate: a model is not tested on rows that it learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfstream.core.reading import Series
from tfstream.core.stream import MICROSECONDS

CONTEXT_ROWS = 96  # kept before the held-out rows: windows and faults reach back
LEAST_LEARNT = 288  # least rows of the longest piece that is left to learn from
_SHARE = 10  # a tenth of the rows of an asset
_LEAST_ROWS = 96  # of all assets together
_LEAST_OF_ASSET = 40
_MOST_ROWS = 131_072  # of all assets together
_DAY_US = 24 * 3600 * MICROSECONDS


class HeldOutPiece(NamedTuple):
    """A piece of an asset; its rows from ``first_row`` on are held out, the rows before are context."""

    series: Series
    first_row: int

    @property
    def rows(self) -> int:
        """How many rows are held out."""
        return len(self.series.values) - self.first_row


class HeldOut(NamedTuple):
    """The series to learn from, and the held-out pieces.

    Held-out rows begin at a time of their own for each asset; ``from_us`` is the latest of these times.
    """

    learn: list[Series]
    pieces: list[HeldOutPiece]
    from_us: int

    @property
    def rows(self) -> int:
        """All rows, to learn from and held out."""
        return sum(len(piece.values) for piece in self.learn) + sum(piece.rows for piece in self.pieces)


def hold_out(series: Sequence[Series], interval_us: int) -> HeldOut | None:
    """Hold out the newest tenth of each asset's rows, at most a day.

    Nothing is held out of an asset with few rows. None: too few rows would be left to learn from.

    :param series: normal rows on the regular grid, in pieces: a gap separates two pieces of an asset.
    """
    if not series:
        return None
    assets = dict.fromkeys(piece.asset for piece in series)
    least = max(_LEAST_ROWS // len(assets), _LEAST_OF_ASSET)
    most = min(_MOST_ROWS // len(assets), _DAY_US // interval_us)
    cuts_us = {
        asset: _cut_us([piece for piece in series if piece.asset == asset], least, most) for asset in assets
    }
    starts_us = [cut_us for cut_us in cuts_us.values() if cut_us is not None]
    learn, held = [], []
    for piece in series:
        cut_us = cuts_us[piece.asset]
        cut = len(piece.values) if cut_us is None else int(np.searchsorted(piece.times_us, cut_us))
        learn += [_part(piece, 0, cut)] if cut else []
        held += [_held_out_piece(piece, cut)] if cut < len(piece.values) else []
    if not starts_us or max((len(piece.values) for piece in learn), default=0) < LEAST_LEARNT:
        return None
    return HeldOut(learn, held, max(starts_us))


def _cut_us(pieces: Sequence[Series], least: int, most: int) -> int | None:
    """The time from which on an asset's rows are held out; rows without any value do not count."""
    known = np.concatenate([piece.times_us[np.isfinite(piece.values).any(axis=1)] for piece in pieces])
    if len(known) < 4 * least:
        return None
    return int(np.sort(known)[-min(max(len(known) // _SHARE, least), max(most, least))])


def _held_out_piece(piece: Series, cut: int) -> HeldOutPiece:
    start = max(cut - CONTEXT_ROWS, 0)
    return HeldOutPiece(_part(piece, start, len(piece.values)), cut - start)


def _part(piece: Series, start: int, stop: int) -> Series:
    return Series(piece.asset, piece.times_us[start:stop], piece.values[start:stop])
