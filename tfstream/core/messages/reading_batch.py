"""Readings of one batch, merged: one row for each asset and event time."""

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
        """Asset and event time of each row."""
        return list(zip(self.assets, self.times_us.tolist(), strict=True))

    def take(self, rows: Sequence[int]) -> ReadingBatch:
        """The given rows, in the given order."""
        return ReadingBatch([self.assets[row] for row in rows], self.times_us[rows], self.values[rows])


def merge(batch: ReadingBatch) -> ReadingBatch:
    """Join the rows of each asset and event time into one row; of several values for a cell the last counts.

    A row without any value is left out.
    """
    known = ~np.isnan(batch.values)
    has_value = known.any(axis=1)
    if not has_value.all():
        batch, known = batch.take(np.flatnonzero(has_value).tolist()), known[has_value]
    targets: dict[Key, int] = {}  # each key's row in the result
    target_of_row = [targets.setdefault(key, len(targets)) for key in batch.row_keys()]
    if len(targets) == len(target_of_row):
        return batch
    values = np.full((len(targets), batch.values.shape[1]), np.nan, dtype=np.float32)
    rows, cells = np.nonzero(known)  # in order of rows: the last value of a cell overwrites the others
    values[np.array(target_of_row)[rows], cells] = batch.values[rows, cells]
    times = np.fromiter((time_us for _, time_us in targets), dtype=np.int64, count=len(targets))
    return ReadingBatch([asset for asset, _ in targets], times, values)


def concatenate(batches: Sequence[ReadingBatch]) -> ReadingBatch:
    """The rows of one or more batches of a stream, one batch after the other."""
    return ReadingBatch(
        [asset for batch in batches for asset in batch.assets],
        np.concatenate([batch.times_us for batch in batches]),
        np.concatenate([batch.values for batch in batches]),
    )
