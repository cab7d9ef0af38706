"""The sampling interval of readings whose stream is not defined yet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfstream.core.reading import Times


def infer_interval_us(assets: Sequence[str], times_us: Times) -> int | None:
    """The median step between an asset's readings in µs, rounded to whole milliseconds.

    ``assets [rows]`` and ``times_us [rows]`` in any order; None when no asset has two different times.
    """
    codes = np.unique(np.array(assets), return_inverse=True)[1]
    order = np.lexsort((times_us, codes))
    steps = np.diff(times_us[order])[np.diff(codes[order]) == 0]
    steps = steps[steps > 0]
    if not len(steps):
        return None
    return max(round(float(np.median(steps)) / 1000), 1) * 1000
