"""Collects the rows of a grid to the rows of the next grid."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Values
from tfstream.model.witnesses.pyramid import FACTOR
from tfstream.model.witnesses.rounds import Rounds
from tfstream.model.witnesses.witness_state import NOT_COLLECTING, GridStates

Integers = NDArray[np.int64]


class EnteringRows(NamedTuple):
    """Rows that enter a grid, in the order of ``rounds``; ``assets`` are their numbers in the batch.

    ``values [n, sensors]`` are in the sensors' own units, ``ends [n]`` their last rows in the stream.
    """

    assets: Integers
    rounds: Rounds
    values: Values
    ends: Integers


class _Groups(NamedTuple):
    """Which rows of the next grid the rows belong to: ``place [n]`` is a row's place in its ``group [n]``.

    ``first`` and ``last [assets]`` are the first and the last group of each asset. ``continued [assets]`` is
    true where the first group has earlier rows, ``broken [assets]`` where some of these are unknown.
    """

    place: Integers
    group: Integers
    first: Integers
    last: Integers
    continued: NDArray[np.bool_]
    broken: NDArray[np.bool_]


def next_grid_rows(grid_rows: int, rows: EnteringRows, states: GridStates) -> EnteringRows | None:
    """The means of ``FACTOR`` rows that the rows complete; None where they complete none.

    :param grid_rows: rows of the stream in a row of the present grid.
    """
    rounds, newest = rows.rounds, rows.rounds.newest()
    groups = _groups(grid_rows, rows, states)
    totals = _totals(rows.values, groups, states.total[rows.assets])
    unknown = groups.broken & (groups.first == groups.last)
    states.total[rows.assets] = totals[groups.last]
    states.collected[rows.assets] = np.where(unknown, NOT_COLLECTING, groups.place[newest] + 1)
    broken = groups.broken[rounds.asset] & (groups.group == groups.first[rounds.asset])
    completing = np.flatnonzero((groups.place == FACTOR - 1) & ~broken)
    if not len(completing):
        return None
    asset = rounds.asset[completing]
    counts = np.bincount(asset, minlength=len(rows.assets))
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    rank = np.empty(len(counts), dtype=np.int64)
    rank[order] = np.arange(len(order))
    number = groups.group[completing] - (groups.first + groups.broken)[asset]
    sorted_rows = completing[np.lexsort((rank[asset], number))]
    means = totals[groups.group[sorted_rows]] / np.float32(FACTOR)
    return EnteringRows(rows.assets[order], Rounds(counts[order]), means, rows.ends[sorted_rows])


def _groups(grid_rows: int, rows: EnteringRows, states: GridStates) -> _Groups:
    rounds = rows.rounds
    start = ((rows.ends[: len(rows.assets)] + 1) // grid_rows - 1) % FACTOR  # of each asset's first row
    counts = (start + rounds.counts - 1) // FACTOR + 1
    last = np.cumsum(counts) - 1
    first = last - counts + 1
    place, continued = start[rounds.asset] + rounds.number, start > 0
    return _Groups(
        place=place % FACTOR,
        group=first[rounds.asset] + place // FACTOR,
        first=first,
        last=last,
        continued=continued,
        broken=continued & (states.collected[rows.assets] == NOT_COLLECTING),
    )


def _totals(values: Values, groups: _Groups, before: Values) -> Values:
    """The sums ``[groups, sensors]`` of the rows of each group, added one after the other."""
    totals = np.zeros((groups.last[-1] + 1, values.shape[1]), dtype=np.float32)
    totals[groups.first[groups.continued]] = before[groups.continued]
    order = np.argsort(groups.place, kind="stable")
    for rows in np.split(order, np.searchsorted(groups.place[order], np.arange(1, FACTOR))):
        totals[groups.group[rows]] += values[rows]
    return totals
