"""Readings of one batch, merged: one row for each asset and moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfstream.core.reading import Times, Values

Key = tuple[str, int]


class ReadingBatch(NamedTuple):
    """``assets [rows]``, ``times_us [rows]``, ``values [rows, sensors]``, in order of first appearance."""

    assets: Sequence[str]
    times_us: Times
    values: Values

    def row_keys(self) -> list[Key]:
        """Asset and moment of each row."""
        return list(zip(self.assets, self.times_us.tolist(), strict=True))

    def take(self, rows: Sequence[int]) -> ReadingBatch:
        """Some of the rows, in the order asked for."""
        return ReadingBatch([self.assets[row] for row in rows], self.times_us[rows], self.values[rows])


def merge(batch: ReadingBatch) -> ReadingBatch:
    """Cells of the same asset and moment in one row, the later row winning.

    A row without a value says nothing and is left out.
    """
    known = ~np.isnan(batch.values)
    says = known.any(axis=1)
    if not says.all():
        batch, known = batch.take(np.flatnonzero(says).tolist()), known[says]
    first: dict[Key, int] = {}  # the place of each key's row
    places = [first.setdefault(key, len(first)) for key in batch.row_keys()]
    if len(first) == len(places):
        return batch
    values = np.full((len(first), batch.values.shape[1]), np.nan, dtype=np.float32)
    rows, cells = np.nonzero(known)  # row by row: of several values for a cell the last one stays
    values[np.array(places)[rows], cells] = batch.values[rows, cells]
    times = np.fromiter((time_us for _, time_us in first), dtype=np.int64, count=len(first))
    return ReadingBatch([asset for asset, _ in first], times, values)


def concatenate(batches: Sequence[ReadingBatch]) -> ReadingBatch:
    """Batches of one stream, one after the other; at least one."""
    return ReadingBatch(
        [asset for batch in batches for asset in batch.assets],
        np.concatenate([batch.times_us for batch in batches]),
        np.concatenate([batch.values for batch in batches]),
    )
