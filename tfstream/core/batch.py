"""Readings of one batch, merged: one row for each asset and moment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from tfstream.core.reading import Reading, Times, Values, complete


class ReadingBatch(NamedTuple):
    """``assets [rows]``, ``times_us [rows]``, ``values [rows, sensors]``, in order of first appearance."""

    assets: list[str]
    times_us: Times
    values: Values


def merge(readings: Iterable[Reading]) -> ReadingBatch | None:
    """Cells of the same asset and moment in one row, the later message winning; None without any value.

    A reading without a value says nothing and gives no row.
    """
    rows: dict[tuple[str, int], Values] = {}
    for asset, time_us, values in readings:
        if complete(values):
            rows[asset, time_us] = values
            continue
        known = ~np.isnan(values)
        if not known.any():
            continue
        row = rows.get((asset, time_us))
        if row is None:
            rows[asset, time_us] = values
        else:
            rows[asset, time_us] = np.where(known, values, row)
    if not rows:
        return None
    times = np.fromiter((time_us for _, time_us in rows), dtype=np.int64, count=len(rows))
    return ReadingBatch([asset for asset, _ in rows], times, np.stack(list(rows.values())))
