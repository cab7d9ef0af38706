"""The season's statistics: what is usual at an hour, what is not, and whom they blame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.model.small_detector import fitted, plant
from tests.unit.model.witnesses.weekly_plant import DAY, MONDAY, learn, plant_series, watch, weekly_plant
from tfstream.core.messages.witness import Witness
from tfstream.core.scaler import Scaler
from tfstream.model import bundle
from tfstream.model.witnesses.pyramid import SEASON_AGREEMENT, SEASON_DEPARTURE
from tfstream.model.witnesses.witness_model import WitnessModel

WEEKS = 4
LATER = MONDAY + WEEKS * 7 * DAY
TUESDAY_NOON = slice(DAY + 66, DAY + 84)


@pytest.fixture(scope="module")
def learnt() -> tuple[WitnessModel, Scaler]:
    return learn(plant_series(weekly_plant(WEEKS * 7)))


def _threshold(model: WitnessModel, statistic: int) -> float:
    (tail,) = [tail for tail in model.admitted if tail.statistic == statistic]
    return float(np.exp(tail.center + tail.spread * tail.tail.threshold(0.1)))


def test_a_normal_week_raises_no_alarm(learnt: tuple[WitnessModel, Scaler]) -> None:
    """Monday mornings, nights and weekends are usual at their time."""
    model, scaler = learnt
    rows = watch(model, scaler, plant_series(weekly_plant(14, seed=5), LATER))
    for statistic in (SEASON_DEPARTURE, SEASON_AGREEMENT):
        assert np.nanmax(rows.values[:, statistic]) < _threshold(model, statistic)


def test_the_level_of_a_weekend_on_a_tuesday_is_an_alarm(learnt: tuple[WitnessModel, Scaler]) -> None:
    model, scaler = learnt
    values = weekly_plant(7, seed=5)
    values[TUESDAY_NOON] = values[5 * DAY : 5 * DAY + 18]  # of Saturday
    rows = watch(model, scaler, plant_series(values, LATER))
    over = rows.values[:, SEASON_DEPARTURE] > _threshold(model, SEASON_DEPARTURE)
    first = int(rows.ends[over][0]) - LATER - TUESDAY_NOON.start
    assert 0 <= first < 6


def test_a_sensor_at_its_level_of_the_night_is_blamed(learnt: tuple[WitnessModel, Scaler]) -> None:
    model, scaler = learnt
    values = weekly_plant(7, seed=5)
    usual = float(values[TUESDAY_NOON, 2].mean())
    values[TUESDAY_NOON, 2] = values[:18, 2]  # of Monday's night
    rows = watch(model, scaler, plant_series(values, LATER))
    at = int(np.searchsorted(rows.ends, LATER + TUESDAY_NOON.stop - 1))
    assert model.season is not None
    for statistic in (SEASON_DEPARTURE, SEASON_AGREEMENT):
        assert rows.values[at, statistic] > _threshold(model, statistic)
        grid = model.grids[model.season.place.level]
        blamed = grid.blame(statistic, rows.compared[statistic][at], "a", int(rows.ends[at]))
        assert blamed[0].sensor == 2
        expected = rows.shown[statistic][at, 2] - blamed[0].excess * scaler.scale[0, 2]
        assert expected == pytest.approx(usual, abs=0.5)


def test_the_values_do_not_depend_on_the_batches(learnt: tuple[WitnessModel, Scaler]) -> None:
    model, scaler = learnt
    series = plant_series(weekly_plant(3, seed=7), LATER)
    whole, pieces = (watch(model, scaler, series, rows) for rows in (None, 8))
    np.testing.assert_array_equal(whole.values, pieces.values)


def test_rows_may_be_counted_from_the_time_of_a_series(learnt: tuple[WitnessModel, Scaler]) -> None:
    model, scaler = learnt
    series = plant_series(weekly_plant(3, seed=7), LATER)
    counted = series._replace(times_us=series.times_us - series.times_us[0])
    later = model.with_origin(int(series.times_us[0]))
    values = watch(later, scaler, counted).values
    np.testing.assert_array_equal(values, watch(model, scaler, series).values)
    assert (values[30:] != watch(model, scaler, counted).values[30:]).any()


def test_weekends_that_were_never_seen_are_not_judged() -> None:
    """Four days from Monday on show nothing about a Saturday."""
    model, scaler = learn(plant_series(weekly_plant(4)), plant_series(weekly_plant(4, seed=1), asset="b"))
    assert model.season is not None
    rows = watch(model, scaler, plant_series(weekly_plant(3, seed=2, first_day=4), MONDAY + 4 * DAY))
    saturday = MONDAY + 5 * DAY
    departures = rows.values[:, SEASON_DEPARTURE]
    assert np.isnan(departures[rows.ends >= saturday + 3]).all()
    assert not np.isnan(departures[(rows.ends >= saturday - 60) & (rows.ends < saturday - 3)]).any()


def test_the_clocks_of_the_zone_are_followed() -> None:
    """A plant that works by the clocks of Berlin is usual after the clocks have changed."""
    april = 16_155 * DAY  # 26 March 2014; the clocks change on the 30th
    monday = april - april % (7 * DAY) + 4 * DAY - 7 * DAY  # a Monday before it
    winter, summer = monday - 6 - 28 * DAY, monday - 12 + 14 * DAY
    series = plant_series(weekly_plant(28), winter)
    later = plant_series(weekly_plant(5, seed=5), summer)
    berlin, utc = (learn(series, time_zone=zone) for zone in ("Europe/Berlin", "UTC"))
    high = [np.nanmax(watch(*each, later).values[20:, SEASON_DEPARTURE]) for each in (berlin, utc)]
    assert high[0] < _threshold(berlin[0], SEASON_DEPARTURE)
    assert high[1] > 2 * high[0]


def test_a_bundle_keeps_the_season(learnt: tuple[WitnessModel, Scaler]) -> None:
    model, scaler = learnt
    detector = fitted(plant(700, channels=4))
    again = bundle.load(bundle.dump(replace(detector, witnesses=model))).witnesses
    series = plant_series(weekly_plant(3, seed=7), LATER)
    np.testing.assert_array_equal(watch(again, scaler, series).values, watch(model, scaler, series).values)
    assert [tail.name for tail in again.admitted if tail.witness is Witness.SEASON]
