"""Which streams have a season, and what is learnt from few days."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.model.witnesses.weekly_plant import (
    DAY,
    INTERVAL_US,
    MONDAY,
    SENSORS,
    learn,
    plant_series,
    weekly_plant,
)
from tfstream.core.messages.witness import Witness
from tfstream.core.reading import Series
from tfstream.core.scaler import Scaler
from tfstream.model.fitting.season_fit import season_levels
from tfstream.model.fitting.season_profile_fit import _shrunk, fit_season_profile
from tfstream.model.witnesses.season_clock import DAY_US
from tfstream.model.witnesses.season_profile import SLOTS, SLOTS_PER_DAY


def test_a_plant_that_does_not_follow_the_hour_has_no_season() -> None:
    model, _ = learn(plant_series(weekly_plant(28, season=False)))
    assert model.grids
    assert model.season is None
    assert not [tail for tail in model.tails if tail.witness is Witness.SEASON]


@pytest.mark.parametrize(("days", "has_season"), [(3, False), (5, True)])
def test_a_season_needs_days(days: int, has_season: bool) -> None:
    series = [plant_series(weekly_plant(days))]
    levels = season_levels(series, Scaler.fit(series), 1, INTERVAL_US, "UTC")
    assert (levels is not None) is has_season


def test_a_season_that_changes_after_it_was_learnt_is_refused() -> None:
    """In the last eighth of the span the plant works at other hours."""
    values = weekly_plant(28)
    last = slice(len(values) * 7 // 8, None)
    values[last] = np.roll(values[last], DAY // 3, axis=0)
    model, _ = learn(plant_series(values))
    refused = [tail for tail in model.tails if tail.witness is Witness.SEASON and tail.refused]
    assert refused
    assert refused[0].refused is not None
    assert "on later rows" in refused[0].refused


def _levels(days: int, weekend: float, asset: str = "a") -> Series:
    """A level at each half hour: the hour by day, and something more at the weekend."""
    rows = np.arange(days * SLOTS_PER_DAY)
    times_us = MONDAY * INTERVAL_US + rows * (DAY_US // SLOTS_PER_DAY) + DAY_US // SLOTS_PER_DAY // 2
    level = rows % SLOTS_PER_DAY + weekend * (rows // SLOTS_PER_DAY % 7 >= 5)
    noise = np.random.default_rng(3).normal(size=(len(rows), SENSORS))
    return Series(asset, times_us, (level[:, None] + 0.1 * noise).astype(np.float32))


def test_a_profile_has_the_day_and_the_weekend() -> None:
    profile = fit_season_profile([_levels(21, weekend=-5.0)], [])
    mean = profile.mean[0].numpy().reshape(7, SLOTS_PER_DAY, SENSORS)
    hours = np.arange(SLOTS_PER_DAY)[:, None]
    np.testing.assert_allclose(mean[1], hours + np.zeros(SENSORS), atol=0.3)
    np.testing.assert_allclose(mean[6], hours - 5 + np.zeros(SENSORS), atol=0.3)


def test_each_asset_has_a_profile_and_an_unknown_asset_that_of_all() -> None:
    other = _levels(14, weekend=0.0, asset="b")
    series = [_levels(14, weekend=0.0), other._replace(values=-other.values)]
    profile = fit_season_profile(series, ["a", "b"])
    assert profile.mean.shape == (3, SLOTS, SENSORS)
    noon = profile.mean[[profile.row_of(asset) for asset in ("a", "b", "c")], 24].mean(dim=1)
    np.testing.assert_allclose(noon.numpy(), [24, -24, 0], atol=1.0)


def test_the_spread_follows_the_hour() -> None:
    series = _levels(14, weekend=0.0)
    wide = np.arange(len(series.values)) % SLOTS_PER_DAY == 12
    noise = np.random.default_rng(1).normal(size=(int(wide.sum()), SENSORS))
    series.values[wide] += 3 * noise.astype(np.float32)
    spread = fit_season_profile([series], []).spread[0].numpy().reshape(7, SLOTS_PER_DAY, SENSORS)
    assert (spread[:, 12] > 3 * spread[:, 30]).all()


def test_days_that_have_nothing_in_common_give_a_plain_profile() -> None:
    rng = np.random.default_rng(0)
    series = _levels(14, weekend=0.0)
    series = series._replace(values=rng.normal(size=series.values.shape).astype(np.float32))
    mean = fit_season_profile([series], []).mean[0].numpy()
    assert np.abs(mean).max() < 0.6  # the means of the days' slots reach 1


def test_a_constant_sensor_that_is_missing_at_some_hours_gives_a_known_profile() -> None:
    """Its days show no spread at all, and at some hours it has none."""
    rest = np.zeros((4, SLOTS_PER_DAY, 2))
    rest[:, :3, 1] = np.nan
    assert _shrunk(np.zeros(4, dtype=np.int64), rest, 1).tolist() == np.zeros((1, SLOTS_PER_DAY, 2)).tolist()
