"""Fits the season of a stream, if it has a season: on later days, too, the levels must follow the hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tfstream.core.reading import Series, Values
from tfstream.core.scaler import Scaler
from tfstream.core.stream import MICROSECONDS
from tfstream.model.fitting.grid_fit import exponential_mean, grid_means, standard_rows
from tfstream.model.fitting.learning_parts import PARTS, WATCHED, rows_before, rows_of_part
from tfstream.model.fitting.season_profile_fit import fit_season_profile
from tfstream.model.witnesses.comparison import fit_comparison
from tfstream.model.witnesses.grid_model import GridModel
from tfstream.model.witnesses.pyramid import GRID_ROWS, LEVEL_RATES, SPANS
from tfstream.model.witnesses.season_clock import DAY_US
from tfstream.model.witnesses.season_model import SeasonModel, SeasonPlace
from tfstream.model.witnesses.season_profile import SLOTS, SeasonProfile

_SCALE_US = 1800 * MICROSECONDS  # of the levels: shorter than a shift, longer than most noise
_LEAST_DAYS = 2.0  # before the first watched part
_MOST_CELLS = 1_000_000  # of the profiles of all assets: with more, the assets share a profile
_LEAST_EXPLAINED = 0.25  # of a level's variance on later days, for a sensor at least
_LEAST_VARIANCE = 0.02  # square standard units: a sensor that does not move has no season
_USUAL_QUANTILE = 0.99
_LEAST_USUAL = 1.0
_FEW_ROWS = 50
_BEYOND_LEARNT = 1.5  # how much larger departures are on later days, where there are too few to see it
_FARTHEST = 10.0  # spreads: departures beyond do not show how the sensors agree

Array = NDArray[np.float64]


class SeasonLevels(NamedTuple):
    """Levels in standard units at local times, and their place in the pyramid."""

    place: SeasonPlace
    series: list[Series]

    @property
    def step_us(self) -> int:
        """The time from a level to the next."""
        return GRID_ROWS[self.place.level] * self.place.interval_us


def season_levels(
    series: Sequence[Series], scaler: Scaler, heights: int, interval_us: int, time_zone: str
) -> SeasonLevels | None:
    """The levels that have a season; None where they are too few, or where they do not follow the hour."""
    place = _place(heights, interval_us, time_zone)
    levels = SeasonLevels(place, [_levels(piece, scaler, place) for piece in series])
    assets = len({piece.asset for piece in series})
    days = sum(len(piece.values) for piece in levels.series) * levels.step_us / DAY_US / assets
    if days * WATCHED[0] / PARTS < _LEAST_DAYS:
        return None
    explained = np.median([_explained(levels, part) for part in WATCHED], axis=0)
    return levels if explained.max() >= _LEAST_EXPLAINED else None


def with_season(grids: Sequence[GridModel], levels: SeasonLevels, part: int) -> list[GridModel]:
    """The grids with a season that is fitted to the levels before a part."""
    season = fit_season(levels._replace(series=rows_before(levels.series, part)))
    return [
        replace(grid, season=season) if level == levels.place.level else grid
        for level, grid in enumerate(grids)
    ]


def fit_season(levels: SeasonLevels) -> SeasonModel:
    """Fit a profile, and how far levels depart from it on days later than those it was fitted to."""
    profile = _profile(levels)
    first = levels._replace(series=rows_before(levels.series, WATCHED[0]))
    earlier = _profile(first)
    later = [
        Series(piece.asset, piece.times_us[start:stop], piece.values[start:stop])
        for part in WATCHED
        for piece, start, stop in rows_of_part(levels.series, part)
    ]
    learnt, seen = _departures(profile, levels.series), _departures(earlier, later)
    usual = (
        np.quantile(np.abs(seen), _USUAL_QUANTILE, axis=0)
        if len(seen) >= _FEW_ROWS
        else _BEYOND_LEARNT * np.quantile(np.abs(learnt), _USUAL_QUANTILE, axis=0)
    )
    every = np.clip(np.concatenate([learnt, seen]), -_FARTHEST, _FARTHEST)
    independent_rows = 2 * len(learnt) / SPANS[levels.place.span]
    return SeasonModel(
        place=levels.place,
        profile=profile,
        usual=torch.from_numpy(np.maximum(usual, _LEAST_USUAL).astype(np.float32)),
        comparison=fit_comparison(every.astype(np.float64), independent_rows, centred=False),
    )


def _place(heights: int, interval_us: int, time_zone: str) -> SeasonPlace:
    """The levels whose time scale is the nearest to half an hour."""
    places = [
        SeasonPlace(level=level, span=span, interval_us=interval_us, time_zone=time_zone)
        for level in range(heights)
        for span in range(len(SPANS))
    ]
    return min(places, key=lambda place: abs(np.log(place.rows * interval_us / _SCALE_US)))


def _levels(piece: Series, scaler: Scaler, place: SeasonPlace) -> Series:
    rows = GRID_ROWS[place.level]
    means = grid_means(standard_rows(scaler, piece.values, piece.asset), rows)
    ends = piece.times_us[: len(means) * rows].reshape(-1, rows)[:, -1] // place.interval_us
    levels = exponential_mean(means, LEVEL_RATES[place.span]) if len(means) else means
    return Series(piece.asset, place.local_times(ends), levels)


def _profile(levels: SeasonLevels) -> SeasonProfile:
    """A profile for each asset where the model stays small, else one for all."""
    days: dict[str, float] = {}
    for piece in levels.series:
        days[piece.asset] = days.get(piece.asset, 0.0) + len(piece.values) * levels.step_us / DAY_US
    own = [asset for asset, learnt in days.items() if learnt >= _LEAST_DAYS] if len(days) > 1 else []
    sensors = levels.series[0].values.shape[1]
    return fit_season_profile(levels.series, own if len(own) * SLOTS * sensors <= _MOST_CELLS else [])


def _explained(levels: SeasonLevels, part: int) -> Array:
    """How much of each level's variance in a part the profile of earlier parts explains: ``[sensors]``."""
    profile = _profile(levels._replace(series=rows_before(levels.series, part)))
    rest, whole = [], []
    for piece, first, last in rows_of_part(levels.series, part):
        values = piece.values[first:last]
        row = profile.row_of(piece.asset)
        usual, spread = profile.at(row, piece.times_us[first:last])
        known = np.isfinite(spread).all(axis=1)
        plain = profile.mean[row].numpy().mean(axis=0)
        rest.append((values - usual)[known])
        whole.append((values - plain)[known])
    unexplained, variance = (
        np.square(np.concatenate(each)).sum(axis=0, dtype=np.float64) for each in (rest, whole)
    )
    least = _LEAST_VARIANCE * sum(len(each) for each in whole)
    moves = variance > max(least, 1e-9)
    explained: Array = np.where(moves, 1 - unexplained / np.where(moves, variance, 1.0), 0.0)
    return explained


def _departures(profile: SeasonProfile, series: Sequence[Series]) -> Values:
    """The departures ``[n, sensors]`` of all levels about which the profile knows something."""
    every = np.concatenate(
        [profile.departures(profile.row_of(piece.asset), piece.times_us, piece.values) for piece in series]
    )
    known: Values = every[~np.isnan(every).any(axis=1)]
    return known
