"""What a threshold is worth on rows later than those that it was learnt from."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from tfstream.core.alarms.pareto_tail import cluster_peaks


class ForwardCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A threshold that asks for ``asked`` alarms in later rows, and the ``alarms`` that these rows gave.

    ``over`` is the largest share of a later part of the rows that lay over the threshold of that part.
    """

    asked: float
    alarms: int
    over: float


class ScoredRows(msgspec.Struct, frozen=True):
    """Values ``[n]`` of unbroken ``rows [n]``."""

    rows: NDArray[np.int64]
    values: NDArray[np.float64]


def check_part(runs: Sequence[ScoredRows], threshold: float, separation_rows: int) -> ForwardCheck:
    """Count what a threshold gives that asks for one alarm in all of these rows together."""
    count = sum(len(run.values) for run in runs)
    over = sum(int((run.values > threshold).sum()) for run in runs)
    alarms = sum(len(cluster_peaks(run.rows, run.values, threshold, separation_rows)) for run in runs)
    return ForwardCheck(asked=1.0, alarms=alarms, over=over / max(count, 1))


def add_parts(parts: Sequence[ForwardCheck]) -> ForwardCheck | None:
    """All parts together; None without a part."""
    if not parts:
        return None
    return ForwardCheck(
        asked=sum(part.asked for part in parts),
        alarms=sum(part.alarms for part in parts),
        over=max(part.over for part in parts),
    )
