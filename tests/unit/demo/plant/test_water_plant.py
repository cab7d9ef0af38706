"""The simulated waterworks conserve water, hold their setpoints and depend on the seed only."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from numpy.typing import NDArray

from tfstream.demo.plant.faults import PlantFault, PlantFaultKind
from tfstream.demo.plant.flows import Flows
from tfstream.demo.plant.hydraulics import CLEAR_OVERFLOW_LEVEL, RAW_OVERFLOW_LEVEL
from tfstream.demo.plant.water_plant import MINUTE_US, WaterPlant
from tfstream.errors import UsageError

START_US = 1_767_225_600_000_000  # midnight
DAY = 1440
SETTLING_ROWS = 720  # rows of simulate_physics before the first reading, at one-minute sampling


@pytest.fixture(scope="module")
def plant() -> WaterPlant:
    return WaterPlant(seed=3)


def attack(valve: str, position: float, first: int, rows: int, asset: str = "harbour-works") -> PlantFault:
    return PlantFault(
        asset=asset,
        kind=PlantFaultKind.ATTACK,
        sensors=(valve,),
        start_us=START_US + first * MINUTE_US,
        end_us=START_US + (first + rows) * MINUTE_US,
        size=position,
    )


def column(plant: WaterPlant, values: NDArray[np.float32], sensor: str) -> NDArray[np.float32]:
    return values[:, plant.sensors.index(sensor)]


def without_settling(flows: Flows) -> Flows:
    return Flows(**{field.name: getattr(flows, field.name)[SETTLING_ROWS:] for field in fields(Flows)})


def test_every_tank_keeps_its_balance_even_when_it_overflows(plant: WaterPlant) -> None:
    flows, _ = plant.simulate_physics(DAY, START_US, [attack("MV101_POS", 1.0, 300, 240)])
    hours, sizes = 1.0 / 60.0, plant.sizes
    tanks = (
        (flows.raw_level, flows.intake - flows.transfer - flows.raw_overflow, sizes.raw_area),
        (flows.clear_level, flows.transfer - flows.lifted - flows.clear_overflow, sizes.clear_area),
        (
            flows.tower_level,
            flows.lifted - flows.zone_flow.sum(axis=2) - flows.tower_overflow,
            sizes.tower_area,
        ),
    )
    assert flows.raw_overflow.max() > 0.0
    for level, net, area in tanks:
        np.testing.assert_allclose(np.diff(level, axis=0), net[:-1] * hours / area, atol=1e-9)


def test_the_control_loops_hold_levels_and_pressures(plant: WaterPlant) -> None:
    flows = without_settling(plant.simulate_physics(3 * DAY, START_US)[0])
    assert 1.8 < flows.raw_level.min() < flows.raw_level.max() < RAW_OVERFLOW_LEVEL - 0.5
    assert 1.8 < flows.clear_level.min() < flows.clear_level.max() < CLEAR_OVERFLOW_LEVEL - 0.5
    assert np.abs(flows.tower_level - 5.5).max() < 1.2
    assert np.abs(flows.zone_pressure - 4.2).max() < 0.3
    switches = np.abs(np.diff((flows.transfer > 0).astype(int), axis=0)).sum(axis=0)
    assert (switches > 100).all()  # a cycle of about an hour
    assert (flows.assist > 0).any(axis=0).all()  # each day's peak needs the second booster


def test_the_seed_decides_every_reading_and_a_longer_run_starts_alike(plant: WaterPlant) -> None:
    long, short = plant.simulate(600, START_US), WaterPlant(seed=3).simulate(200, START_US)
    other = WaterPlant(seed=4).simulate(200, START_US)
    for a, b, c in zip(long, short, other, strict=True):
        np.testing.assert_array_equal(a.times_us[:200], b.times_us)
        np.testing.assert_array_equal(a.values[:200], b.values)
        assert not np.allclose(b.values, c.values, rtol=0.01)


def test_series_have_the_shape_that_the_detector_reads(plant: WaterPlant) -> None:
    series = plant.simulate(90, START_US)
    assert [part.asset for part in series] == ["north-works", "harbour-works", "hill-works"]
    assert len(plant.sensors) == len(set(plant.sensors)) >= 42
    for part in series:
        assert part.values.shape == (90, len(plant.sensors))
        assert part.values.dtype == np.float32
        assert np.isfinite(part.values).all()
        assert (np.diff(part.times_us) == MINUTE_US).all()
        assert part.times_us[0] == START_US


def test_assets_differ_in_size_but_not_in_kind(plant: WaterPlant) -> None:
    means = [column(plant, part.values, "FIT202_FLOW").mean() for part in plant.simulate(DAY, START_US)]
    assert max(means) > 1.2 * min(means)


def test_physics_shows_in_the_correlations(plant: WaterPlant) -> None:
    values = plant.simulate(2 * DAY, START_US)[0].values

    def correlation(a: str, b: str) -> float:
        return float(np.corrcoef(column(plant, values, a), column(plant, values, b))[0, 1])

    assert correlation("FIT202_FLOW", "PIT201_PRESS") > 0.8
    assert correlation("P201_SPEED", "P201_AMPS") > 0.98
    assert correlation("MV101_POS", "FIT101_FLOW") > 0.95
    assert correlation("AIT101_TURB", "AIT102_COND") < -0.6
    assert correlation("FIT301_FLOW", "PCV301_POS") > 0.9


def test_a_valve_forced_open_fills_the_tank_until_it_overflows(plant: WaterPlant) -> None:
    clean = plant.simulate(DAY, START_US)[1].values
    attacked = plant.simulate(DAY, START_US, [attack("MV101_POS", 1.0, 400, 180)])[1].values
    during = slice(410, 580)
    np.testing.assert_array_equal(attacked[:400], clean[:400])
    assert (
        column(plant, attacked, "LIT101_LEVEL")[during].max()
        > column(plant, clean, "LIT101_LEVEL").max() + 1.0
    )
    assert (
        column(plant, attacked, "FIT101_FLOW")[during].mean()
        > 1.5 * column(plant, clean, "FIT101_FLOW").mean()
    )


def test_a_zone_valve_forced_shut_starves_its_zone_and_no_other_asset(plant: WaterPlant) -> None:
    clean = plant.simulate(DAY, START_US)
    attacked = plant.simulate(DAY, START_US, [attack("PCV302_POS", 0.1, 700, 60)])
    at = slice(710, 760)
    assert column(plant, attacked[1].values, "PIT302_PRESS")[at].max() < 2.5
    assert column(plant, attacked[1].values, "FIT302_FLOW")[at].mean() < 0.7 * (
        column(plant, clean[1].values, "FIT302_FLOW")[at].mean()
    )
    assert (
        abs(column(plant, attacked[1].values, "PIT302_PRESS")[-200:].mean() - 4.2) < 0.1
    )  # the pressure recovers
    np.testing.assert_array_equal(attacked[0].values, clean[0].values)


def test_an_attack_on_a_sensor_is_refused(plant: WaterPlant) -> None:
    with pytest.raises(UsageError, match="LIT101_LEVEL cannot be attacked"):
        plant.simulate(10, START_US, [attack("LIT101_LEVEL", 1.0, 0, 5)])


@pytest.mark.parametrize("interval_us", [0, -1, 121_000_000])
def test_an_interval_that_the_loops_cannot_follow_is_refused(interval_us: int) -> None:
    with pytest.raises(UsageError, match="sampling interval"):
        WaterPlant(seed=1, interval_us=interval_us)


def test_other_intervals_show_the_same_plant() -> None:
    plant = WaterPlant(seed=3, assets=1, interval_us=30_000_000)
    series = plant.simulate(DAY, START_US)[0]
    assert (np.diff(series.times_us) == 30_000_000).all()
    assert abs(column(plant, series.values, "PIT301_PRESS").mean() - 4.2) < 0.05
