"""Learns what level of each sensor is usual at each time of the week.

A level is the sum of the sensor's mean, of what the time of day adds, of what working days or weekends add
at that time, and of what the day of the week adds. Each part is shrunk towards 0 by what its days show: ``n``
days that differ by the variance ``w`` from each other, in groups that differ by ``b``, give the share
``n / (n + w / b)`` of their mean (an empirical Bayes estimate). Hence few days give a plain profile.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from tfstream.core.reading import Series
from tfstream.model.numerics.precision import round_to_half
from tfstream.model.witnesses.season_clock import Integers, days_of, times_of_week, weekdays_of
from tfstream.model.witnesses.season_profile import SLOT_US, SLOTS, SLOTS_PER_DAY, SeasonProfile

_LEAST_WEEKS = 2  # before the days of the week count for themselves
_SPREAD_DAYS = 4.0  # that the spread of the whole day counts as, beside that of a time of day
_LEAST_SPREAD = 0.05  # standard units
_SATURDAY = 5

Array = NDArray[np.float64]


def fit_season_profile(pieces: Sequence[Series], assets: Sequence[str]) -> SeasonProfile:
    """Learn a profile for each of ``assets``, and one for all assets together.

    :param pieces: levels ``[n, sensors]`` in standard units, at local times ``[n]``.
    """
    groups = [[piece for piece in pieces if piece.asset == asset] for asset in assets]
    rows = [_fit_rows(own) for own in [*groups, list(pieces)]]
    mean, spread = (
        round_to_half(torch.from_numpy(np.stack(part).astype(np.float32))) for part in zip(*rows, strict=True)
    )
    return SeasonProfile(assets=tuple(assets), mean=mean, spread=spread)


def _fit_rows(pieces: Sequence[Series]) -> tuple[Array, Array]:
    """The mean and the spread ``[SLOTS, sensors]`` of some assets."""
    days, table = _day_table(pieces)
    weekdays = weekdays_of(days)
    mean = _mean(weekdays, table, weeks=len(np.unique(days)) / 7)
    kinds = weekdays >= _SATURDAY
    spread = _spread(pieces, mean, len(days))
    for weekday in range(7):
        if (weekday >= _SATURDAY) not in kinds:
            spread[weekday * SLOTS_PER_DAY : (weekday + 1) * SLOTS_PER_DAY] = np.inf
    return mean, spread


def _day_table(pieces: Sequence[Series]) -> tuple[Integers, Array]:
    """The days of each asset, and their mean levels ``[days, SLOTS_PER_DAY, sensors]``, NaN where missing."""
    days, tables = [], []
    for asset in dict.fromkeys(piece.asset for piece in pieces):
        own = [piece for piece in pieces if piece.asset == asset]
        local_us = np.concatenate([piece.times_us for piece in own])
        levels = np.concatenate([piece.values for piece in own]).astype(np.float64)
        present, day = np.unique(days_of(local_us), return_inverse=True)
        slot = times_of_week(local_us) // SLOT_US % SLOTS_PER_DAY
        tables.append(_means(day * SLOTS_PER_DAY + slot, levels, len(present) * SLOTS_PER_DAY))
        days.append(present)
    sensors = pieces[0].values.shape[1]
    return np.concatenate(days), np.concatenate(tables).reshape(-1, SLOTS_PER_DAY, sensors)


def _means(groups: Integers, rows: Array, count: int) -> Array:
    """The mean of the rows ``[n, sensors]`` of each group: ``[count, sensors]``, NaN where there is none."""
    sums = np.stack([np.bincount(groups, column, count) for column in rows.T], axis=1)
    with np.errstate(invalid="ignore"):
        means: Array = sums / np.bincount(groups, minlength=count)[:, None]
    return means


def _mean(weekdays: Integers, table: Array, weeks: float) -> Array:
    """The profile ``[SLOTS, sensors]`` from days ``[days, SLOTS_PER_DAY, sensors]``."""
    plain = np.nanmean(table, axis=(0, 1))
    rest = table - plain
    profile = np.zeros((7, *table.shape[1:])) + plain
    groupings = [np.zeros(7, dtype=np.int64), (np.arange(7) >= _SATURDAY).astype(np.int64)]
    if weeks >= _LEAST_WEEKS:
        groupings.append(np.arange(7))
    for grouping in groupings:
        part = _shrunk(grouping[weekdays], rest, int(grouping.max()) + 1)
        rest = rest - part[grouping[weekdays]]
        profile += part[grouping]
    return profile.reshape(SLOTS, -1)


def _shrunk(groups: Integers, rest: Array, count: int) -> Array:
    """What each group of days adds: ``[count, SLOTS_PER_DAY, sensors]``, shrunk by what the days show."""
    sums = np.zeros((count, *rest.shape[1:]))
    days = np.zeros_like(sums)
    known = ~np.isnan(rest)
    np.add.at(sums, groups, np.where(known, rest, 0.0))
    np.add.at(days, groups, known)
    means = sums / np.maximum(days, 1)
    squares = np.nansum((rest - means[groups]) ** 2, axis=(0, 1))
    within = squares / np.maximum((days - 1).clip(0).sum(axis=(0, 1)), 1)
    between = (np.where(days > 0, means**2 - within / np.maximum(days, 1), 0.0)).sum(axis=(0, 1))
    between /= np.maximum((days > 0).sum(axis=(0, 1)), 1)
    if (days > 1).sum() == 0:
        return np.zeros_like(means)
    ratio = within / np.maximum(between, 1e-9)
    part: Array = means * days / np.maximum(days + ratio, 1e-9)  # a constant sensor without days: nothing
    return part


def _spread(pieces: Sequence[Series], mean: Array, days: int) -> Array:
    """The root mean square of the distances from the profile, ``[SLOTS, sensors]``, by time of day."""
    blank = SeasonProfile(
        assets=(), mean=torch.from_numpy(mean[None].astype(np.float32)), spread=torch.ones(1, *mean.shape)
    )
    local_us = np.concatenate([piece.times_us for piece in pieces])
    squares = [blank.departures(0, piece.times_us, piece.values).astype(np.float64) ** 2 for piece in pieces]
    slot = times_of_week(local_us) // SLOT_US % SLOTS_PER_DAY
    variance = _means(slot, np.concatenate(squares), SLOTS_PER_DAY)
    whole = np.nanmean(variance, axis=0)
    variance = np.where(np.isnan(variance), whole, variance)
    shrunk = (days * variance + _SPREAD_DAYS * whole) / (days + _SPREAD_DAYS)
    spread = np.sqrt(shrunk * days / max(days - 1, 1))
    return np.tile(np.maximum(spread, _LEAST_SPREAD), (7, 1))
