"""The newest normal rows: what a model is judged on is not what it has learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfstream.core.reading import Series
from tfstream.core.stream import MICROSECONDS

CONTEXT_ROWS = 96  # before the held-out ones: windows and faults reach back
LEAST_LEARNT = 288  # rows of the longest piece that is left to learn from
_SHARE = 10  # a tenth of the span
_LEAST_ROWS = 96
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
    """What to learn from, and the ``recent`` pieces from the moment ``from_us`` on."""

    learn: list[Series]
    recent: list[Recent]
    from_us: int


def hold_out(series: Sequence[Series], interval_us: int) -> HeldOut | None:
    """The newest tenth of the span of all series, a day at most; None when too little would be left.

    :param series: normal rows on the regular grid; a gap separates two of the same asset.
    """
    first = min(int(one.times_us[0]) for one in series)
    last = max(_last_known(one) for one in series)
    assets = len({one.asset for one in series})
    rows = min((last - first) // _SHARE, _DAY_US) // interval_us
    rows = min(max(rows, _LEAST_ROWS), _MOST_ROWS // assets)
    from_us = last - (rows - 1) * interval_us
    cuts = [int(np.searchsorted(one.times_us, from_us)) for one in series]
    learn = [_part(one, 0, cut) for one, cut in zip(series, cuts, strict=True) if cut]
    if max((len(one.values) for one in learn), default=0) < LEAST_LEARNT:
        return None
    recent = [_recent(one, cut) for one, cut in zip(series, cuts, strict=True) if cut < len(one.values)]
    return HeldOut(learn, recent, from_us)


def _last_known(one: Series) -> int:
    known = np.flatnonzero(np.isfinite(one.values).any(axis=1))
    return int(one.times_us[known[-1] if len(known) else 0])


def _recent(one: Series, cut: int) -> Recent:
    start = max(cut - CONTEXT_ROWS, 0)
    return Recent(_part(one, start, len(one.values)), cut - start)


def _part(one: Series, start: int, stop: int) -> Series:
    return Series(one.asset, one.times_us[start:stop], one.values[start:stop])
