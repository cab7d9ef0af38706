"""Fits the witnesses of a stream, and calibrates them forward in time.

What a threshold is worth shows only on rows later than those that were learnt from. Therefore the last three
eighths of the learning span are watched, one after the other, by a model of all rows before; the tail of each
statistic comes from what was watched. Then the model is fitted to all rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tfstream.core.alarms.calibration import separation_rows
from tfstream.core.alarms.pareto_tail import WHOLE_TAIL, TailFit
from tfstream.core.alarms.witness_tail import WatchedRun, WitnessTail, fit_witness_tail
from tfstream.core.reading import Series
from tfstream.core.scaler import Scaler
from tfstream.core.stream import WEEK_US
from tfstream.model.fitting.grid_fit import fit_grid, grid_means, standard_rows
from tfstream.model.fitting.learning_parts import PARTS, WATCHED, rows_before, rows_of_part
from tfstream.model.fitting.own_fit import own_fit
from tfstream.model.fitting.season_fit import SeasonLevels, season_levels, with_season
from tfstream.model.fitting.streamed_statistics import LEAD_ROWS, stream_values
from tfstream.model.witnesses.grid_model import GridModel
from tfstream.model.witnesses.pyramid import COMPARED, FACTOR, GRID_ROWS, SPANS, STATISTICS, order_of
from tfstream.model.witnesses.witness_model import WitnessModel

_LEAST_ROWS_BY_SENSOR = 10  # of a grid: fewer do not show how the sensors agree
_LEAST_ROWS = 500


def fit_witnesses(
    series: Sequence[Series],
    scaler: Scaler,
    interval_us: int,
    time_zone: str = "UTC",
    tail_fit: TailFit = WHOLE_TAIL,
) -> WitnessModel:
    """Fit to normal readings on the regular grid; no witness where there are too few rows.

    :param series: ``[rows, sensors]`` each, in order of time for each asset, NaN where missing.
    :param time_zone: whose clocks the season follows.
    """
    heights = _grids_within(series, WATCHED[0] / PARTS)
    if not heights:
        return WitnessModel()
    season = season_levels(series, scaler, heights, interval_us, time_zone)
    fits = {part: _fit_grids(series, scaler, heights, season, part) for part in WATCHED}
    own = own_fit(series, scaler, heights).choose(fits)
    runs: dict[tuple[int, int], list[WatchedRun]] = {}
    for part, fitted in fits.items():
        for key, run in _watch(own.with_own(fitted, part), scaler, series, part, interval_us):
            runs.setdefault(key, []).append(run)
    grids = own.with_own(_fit_grids(series, scaler, heights, season, PARTS), PARTS)
    tails = [
        _tail(grids[level], level, number, watched, interval_us, tail_fit)
        for (level, number), watched in sorted(runs.items())
    ]
    return WitnessModel(grids=tuple(grids), tails=tuple(tails), own_refused=own.refused)


def _grids_within(series: Sequence[Series], share: float) -> int:
    """How many grids have enough rows before the first watched part, a ``share`` of the series.

    Half of these rows at least must lie in pieces from which a grid can be learnt: many assets with few days
    each have many rows of the highest grid together, but none that a predictor has enough rows before.
    """
    sensors = series[0].values.shape[1]
    least = max(_LEAST_ROWS_BY_SENSOR * sensors, _LEAST_ROWS)
    learnt = [len(piece.values) for piece in rows_before(series, WATCHED[0])]
    heights = 0
    for size in GRID_ROWS:
        rows = share * sum(len(piece.values) // size for piece in series)
        usable = sum(count // size for count in learnt if count // size > order_of(size))
        if rows < least or usable < least / 2:
            break
        heights += 1
    return heights


def _fit_grids(
    series: Sequence[Series], scaler: Scaler, heights: int, season: SeasonLevels | None, part: int
) -> list[GridModel]:
    """Fit to the rows before a part."""
    grids = []
    pieces = [standard_rows(scaler, piece.values, piece.asset) for piece in rows_before(series, part)]
    for rows in GRID_ROWS[:heights]:
        grids.append(fit_grid(pieces, rows))
        pieces = [grid_means(piece, FACTOR) for piece in pieces]
    return grids if season is None else with_season(grids, season, part)


def _watch(
    grids: Sequence[GridModel], scaler: Scaler, series: Sequence[Series], part: int, interval_us: int
) -> Iterator[tuple[tuple[int, int], WatchedRun]]:
    """What the statistics show on a part that the grids have not learnt from, by grid and statistic."""
    for piece, first, last in rows_of_part(series, part):
        lead = min(first, LEAD_ROWS * grids[-1].rows)
        watched = stream_values(grids, scaler, piece, range(first - lead, last), interval_us)
        for level, (ends, values) in watched.items():
            later = values[ends >= piece.times_us[first] // interval_us]
            for number in range(len(STATISTICS)):
                known = later[:, number][~np.isnan(later[:, number])]
                if len(known):
                    yield (level, number), WatchedRun(part, known)


def _tail(
    grid: GridModel,
    level: int,
    number: int,
    runs: Sequence[WatchedRun],
    interval_us: int,
    tail_fit: TailFit,
) -> WitnessTail:
    statistic, rows = STATISTICS[number], grid.rows
    in_season = grid.season is not None and number >= COMPARED
    return fit_witness_tail(
        runs,
        witness=statistic.witness,
        level=level,
        grid_rows=rows,
        scale_rows=grid.season.place.rows if grid.season and in_season else rows * statistic.memory,
        statistic=number,
        name=f"{statistic.name} (means of {rows} rows)" if rows > 1 else statistic.name,
        rows_per_week=WEEK_US / interval_us,
        separation=max(separation_rows(interval_us) // rows, SPANS[-1]),
        tail_fit=tail_fit,
    )
