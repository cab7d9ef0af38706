"""Fits the witnesses of a stream, and calibrates them forward in time.

What a threshold is worth shows only on rows later than those that were learnt from. Therefore the last three
eighths of the learning span are watched, one after the other, by a model of all rows before; the tail of each
statistic comes from what was watched. Then the model is fitted to all rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tfstream.core.alarms.calibration import separation_rows
from tfstream.core.alarms.witness_tail import WatchedRun, WitnessTail, fit_witness_tail
from tfstream.core.reading import Series, Values
from tfstream.core.scaler import Scaler
from tfstream.core.stream import WEEK_US
from tfstream.model.fitting.grid_fit import fit_grid
from tfstream.model.witnesses.advance import NewRows, advance
from tfstream.model.witnesses.grid_model import GridModel
from tfstream.model.witnesses.pyramid import FACTOR, GRID_ROWS, SPANS, STATISTICS
from tfstream.model.witnesses.witness_model import WitnessModel
from tfstream.model.witnesses.witness_state import StoredState

_PARTS = 8
_WATCHED = (5, 6, 7)  # the parts that are watched by a model of the parts before
_LEAST_ROWS_BY_SENSOR = 10  # of a grid: fewer do not show how the sensors agree
_LEAST_ROWS = 500
_LEAD_ROWS = 24  # of the highest grid, before a watched part: they warm the statistics up
_ROWS_AT_ONCE = 4_096


def fit_witnesses(series: Sequence[Series], scaler: Scaler, interval_us: int) -> WitnessModel:
    """Fit to normal readings on the regular grid; no witness where there are too few rows.

    :param series: ``[rows, sensors]`` each, in order of time for each asset, NaN where missing.
    """
    heights = _grids_within(series, _WATCHED[0] / _PARTS)
    if not heights:
        return WitnessModel()
    runs: dict[tuple[int, int], list[WatchedRun]] = {}
    for part in _WATCHED:
        fitted = _fit_grids(_before(series, part / _PARTS), scaler, heights)
        for key, run in _watch(fitted, scaler, series, part):
            runs.setdefault(key, []).append(run)
    tails = [_tail(level, number, watched, interval_us) for (level, number), watched in sorted(runs.items())]
    return WitnessModel(grids=tuple(_fit_grids(series, scaler, heights)), tails=tuple(tails))


def _grids_within(series: Sequence[Series], share: float) -> int:
    """How many grids have enough rows in a share of the series."""
    sensors = series[0].values.shape[1]
    least = max(_LEAST_ROWS_BY_SENSOR * sensors, _LEAST_ROWS)
    rows = [share * sum(len(piece.values) // size for piece in series) for size in GRID_ROWS]
    return sum(count >= least for count in rows)


def _before(series: Sequence[Series], share: float) -> list[Series]:
    """The rows of each asset before a share of its span."""
    return [
        Series(piece.asset, piece.times_us, piece.values[:stop]) for piece, _, stop in _cut(series, 0, share)
    ]


def _cut(series: Sequence[Series], start: float, stop: float) -> Iterator[tuple[Series, int, int]]:
    """The first and last row of each piece that lie between two shares of its asset's rows."""
    total: dict[str, int] = {}
    for piece in series:
        total[piece.asset] = total.get(piece.asset, 0) + len(piece.values)
    passed = dict.fromkeys(total, 0)
    for piece in series:
        rows, at = len(piece.values), passed[piece.asset]
        first, last = (round(share * total[piece.asset]) - at for share in (start, stop))
        passed[piece.asset] += rows
        first, last = max(first, 0), min(last, rows)
        if first < last:
            yield piece, first, last


def _fit_grids(series: Sequence[Series], scaler: Scaler, heights: int) -> list[GridModel]:
    grids = []
    pieces = [_standard(piece, scaler) for piece in series]
    for rows in GRID_ROWS[:heights]:
        grids.append(fit_grid(pieces, rows))
        pieces = [_means(piece) for piece in pieces]
    return grids


def _standard(piece: Series, scaler: Scaler) -> Values:
    return np.nan_to_num(scaler.transform(piece.values[None], [piece.asset])[0], copy=False)


def _means(rows: Values) -> Values:
    whole = len(rows) // FACTOR * FACTOR
    means: Values = rows[:whole].reshape(-1, FACTOR, rows.shape[1]).mean(axis=1)
    return means


def _watch(
    grids: Sequence[GridModel], scaler: Scaler, series: Sequence[Series], part: int
) -> Iterator[tuple[tuple[int, int], WatchedRun]]:
    """What the statistics show on a part that the grids have not learnt from, by grid and statistic."""
    for piece, first, last in _cut(series, part / _PARTS, (part + 1) / _PARTS):
        lead = min(first, _LEAD_ROWS * grids[-1].rows)
        watched = _stream(grids, scaler, piece, first - lead, last)
        for level, (ends, values) in watched.items():
            later = values[ends >= lead]
            for number in range(len(STATISTICS)):
                known = later[:, number][~np.isnan(later[:, number])]
                if len(known):
                    yield (level, number), WatchedRun(part, known)


def _stream(
    grids: Sequence[GridModel], scaler: Scaler, piece: Series, first: int, last: int
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """The statistics of rows ``first`` to ``last`` as the stream would compute them, by grid."""
    state, parts = None, []
    for at in range(first, last, _ROWS_AT_ONCE):
        values = piece.values[at : min(at + _ROWS_AT_ONCE, last)]
        end = at - first + len(values) - 1
        advanced = advance(grids, scaler, [NewRows(piece.asset, state, values, end)])
        state = StoredState(advanced.states.encode()[0], same_model=True)
        parts.append([(grid.entered.ends, grid.values) for grid in advanced.grids])
    levels = range(max(len(part) for part in parts))
    columns = [[part[level] for part in parts if level < len(part)] for level in levels]
    return {
        level: (np.concatenate([ends for ends, _ in some]), np.concatenate([values for _, values in some]))
        for level, some in enumerate(columns)
    }


def _tail(level: int, number: int, runs: Sequence[WatchedRun], interval_us: int) -> WitnessTail:
    statistic, rows = STATISTICS[number], GRID_ROWS[level]
    return fit_witness_tail(
        runs,
        witness=statistic.witness,
        level=level,
        grid_rows=rows,
        scale_rows=rows * statistic.memory,
        statistic=number,
        name=f"{statistic.name} of {rows} rows" if rows > 1 else statistic.name,
        rows_per_week=WEEK_US / interval_us,
        separation=max(separation_rows(interval_us) // rows, SPANS[-1]),
    )
