"""The normal values of one statistic of a witness, and whether the stream admits it as a witness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from tfstream.core.alarms.forward_check import ForwardCheck, ScoredRows, add_parts, check_part
from tfstream.core.alarms.pareto_tail import WHOLE_TAIL, TailFit, cluster_peaks
from tfstream.core.alarms.poisson import mean_bounds
from tfstream.core.alarms.tail import Tail
from tfstream.core.messages.witness import Witness

_LEAST_SPREAD = 0.01
_SMALLEST = 1e-6
_ALLOWANCE = 0.1  # log: normal values will rise by a tenth after the data that were learnt from
_MOST_TIME = 0.1  # of a later part over the threshold that the parts before it gave for one alarm
_LEAST_CLUSTERS = 8

Array = NDArray[np.float64]


class WatchedRun(NamedTuple):
    """A statistic's values ``[n]`` on unbroken rows that are later than those that it was fitted to.

    ``part`` numbers the part of the learning span that the rows belong to, in order of time.
    """

    part: int
    values: Array


class WitnessTail(msgspec.Struct, frozen=True, kw_only=True):
    """The tail of a statistic's logarithm, measured from ``center`` in units of ``spread``.

    ``level`` is the grid's place in the pyramid, ``grid_rows`` its rows of the stream, ``statistic`` the
    number of the statistic, which looks at about ``scale_rows`` rows of the stream. ``refused`` says why the
    stream does not admit it; None admits it. ``forward`` is what earlier thresholds gave on later rows; None
    in models of older versions.
    """

    witness: Witness
    level: int
    grid_rows: int
    scale_rows: int
    statistic: int
    name: str
    center: float
    spread: float
    tail: Tail
    refused: str | None = None
    forward: ForwardCheck | None = None

    def normalised(self, values: Array) -> Array:
        """Values of the statistic as distances from its usual value, in spreads; NaN stays NaN."""
        normalised: Array = (np.log(np.maximum(values, _SMALLEST)) - self.center) / self.spread
        return normalised


def fit_witness_tail(
    runs: Sequence[WatchedRun],
    *,
    witness: Witness,
    level: int,
    grid_rows: int,
    scale_rows: int,
    statistic: int,
    name: str,
    rows_per_week: float,
    separation: int,
    tail_fit: TailFit = WHOLE_TAIL,
) -> WitnessTail:
    """Fit to values on rows later than those learnt from; ``separation`` in rows of the grid.

    :raises ValueError: when there is no value at all.
    """
    logs = [
        WatchedRun(run.part, np.log(np.maximum(run.values, _SMALLEST))) for run in runs if len(run.values)
    ]
    if not logs:
        raise ValueError(f"there are no values of {name} to calibrate on")
    center, spread, tail = _fit(logs, rows_per_week / grid_rows, separation, tail_fit)
    parts = _check_forward(logs, rows_per_week / grid_rows, separation, tail_fit)
    return WitnessTail(
        witness=witness,
        level=level,
        grid_rows=grid_rows,
        scale_rows=scale_rows,
        statistic=statistic,
        name=name,
        center=center + _ALLOWANCE,
        spread=spread,
        tail=tail,
        refused=next((_refusal(part) for part in parts if _refusal(part)), None),
        forward=add_parts(parts),
    )


def _fit(
    logs: Sequence[WatchedRun], rows_per_week: float, separation: int, tail_fit: TailFit
) -> tuple[float, float, Tail]:
    every = np.concatenate([run.values for run in logs])
    center = float(np.median(every))
    spread = max(float(np.median(np.abs(every - center))), _LEAST_SPREAD)
    u = (float(np.quantile(every, tail_fit.quantile)) - center) / spread
    peaks = [
        peak
        for run in logs
        for peak in cluster_peaks(np.arange(len(run.values)), (run.values - center) / spread, u, separation)
    ]
    sigma, xi = tail_fit.excesses(np.array(peaks) - u)
    weeks = len(every) / rows_per_week
    clusters = len(peaks)
    return (
        center,
        spread,
        Tail(
            u=u,
            sigma=sigma,
            xi=xi,
            clusters=clusters,
            clusters_per_week=max(clusters, 1) / weeks,
            weeks=weeks,
        ),
    )


def _check_forward(
    logs: Sequence[WatchedRun], rows_per_week: float, separation: int, tail_fit: TailFit
) -> list[ForwardCheck]:
    """What the threshold for one alarm in a part gives there, learnt from the parts before it."""
    checks = []
    for part in sorted({run.part for run in logs})[1:]:
        later = [ScoredRows(np.arange(len(run.values)), run.values) for run in logs if run.part == part]
        center, spread, tail = _fit(
            [run for run in logs if run.part < part], rows_per_week, separation, tail_fit
        )
        asked_per_week = rows_per_week / sum(len(run.values) for run in later)
        threshold = center + _ALLOWANCE + spread * tail.threshold(asked_per_week)
        checks.append(check_part(later, threshold, separation))
    return checks


def _refusal(check: ForwardCheck) -> str | None:
    """Why the statistic does not hold forward in time; None where it does: else its level wanders."""
    if check.over <= _MOST_TIME and mean_bounds(check.alarms)[0] <= _LEAST_CLUSTERS:
        return None
    return (
        f"on later rows it stayed over a threshold for one alarm during {check.over:.0%} of the time, "
        f"in {check.alarms} alarms"
    )
