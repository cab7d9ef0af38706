"""The newest normal rows: what a model is judged on is not what it has learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfstream.core.reading import Series
from tfstream.core.stream import MICROSECONDS

CONTEXT_ROWS = 96  # before the held-out ones: windows and faults reach back
LEAST_LEARNT = 288  # rows of the longest piece that is left to learn from
_SHARE = 10  # a tenth of an asset's rows
_LEAST_ROWS = 96  # of all assets
_LEAST_OF_ASSET = 40
_MOST_ROWS = 131_072  # of all assets
_DAY_US = 24 * 3600 * MICROSECONDS


class Recent(NamedTuple):
    """A piece of one asset whose rows from ``first_row`` on nothing was learnt from."""

    series: Series
    first_row: int

    @property
    def rows(self) -> int:
        return len(self.series.values) - self.first_row


class HeldOut(NamedTuple):
    """What to learn from, and the ``recent`` pieces; the newest of them begins at ``from_us``."""

    learn: list[Series]
    recent: list[Recent]
    from_us: int

    @property
    def rows(self) -> int:
        """All of them, the recent ones too."""
        return sum(len(one.values) for one in self.learn) + sum(one.rows for one in self.recent)


def hold_out(series: Sequence[Series], interval_us: int) -> HeldOut | None:
    """The newest tenth of each asset's rows, a day at most; None when too little would be left to learn from.

    An asset with hardly any rows keeps all of them.

    :param series: normal rows on the regular grid; a gap separates two of the same asset.
    """
    if not series:
        return None
    assets = dict.fromkeys(one.asset for one in series)
    least = max(_LEAST_ROWS // len(assets), _LEAST_OF_ASSET)
    most = min(_MOST_ROWS // len(assets), _DAY_US // interval_us)
    cuts = {asset: _cut([one for one in series if one.asset == asset], least, most) for asset in assets}
    begins = [cut for cut in cuts.values() if cut is not None]
    learn, recent = [], []
    for one in series:
        from_us = cuts[one.asset]
        cut = len(one.values) if from_us is None else int(np.searchsorted(one.times_us, from_us))
        learn += [_part(one, 0, cut)] if cut else []
        recent += [_recent(one, cut)] if cut < len(one.values) else []
    if not begins or max((len(one.values) for one in learn), default=0) < LEAST_LEARNT:
        return None
    return HeldOut(learn, recent, max(begins))


def _cut(pieces: Sequence[Series], least: int, most: int) -> int | None:
    """The time from which on an asset's rows are held out; rows without any value do not count."""
    known = np.concatenate([one.times_us[np.isfinite(one.values).any(axis=1)] for one in pieces])
    if len(known) < 4 * least:
        return None
    return int(np.sort(known)[-min(max(len(known) // _SHARE, least), max(most, least))])


def _recent(one: Series, cut: int) -> Recent:
    start = max(cut - CONTEXT_ROWS, 0)
    return Recent(_part(one, start, len(one.values)), cut - start)


def _part(one: Series, start: int, stop: int) -> Series:
    return Series(one.asset, one.times_us[start:stop], one.values[start:stop])
