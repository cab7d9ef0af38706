"""Each kind of fault changes the values of its target sensor, and no other value."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tfstream.core.reading import Series
from tfstream.demo.plant import fault_schedule
from tfstream.demo.plant.faults import PlantFault, PlantFaultKind, attacks, inject
from tfstream.demo.plant.water_plant import MINUTE_US, WaterPlant

SENSORS = ("a", "b", "c")
ROWS, FIRST, LAST = 400, 200, 260
INJECTED = [kind for kind in PlantFaultKind if kind is not PlantFaultKind.ATTACK]


@pytest.fixture
def series() -> list[Series]:
    rng = np.random.default_rng(5)
    times = MINUTE_US * np.arange(ROWS, dtype=np.int64)
    return [
        Series(asset, times, rng.normal(size=(ROWS, 3)).astype(np.float32)) for asset in ("north", "south")
    ]


def fault(kind: PlantFaultKind, size: float = 3.0) -> PlantFault:
    return PlantFault(
        asset="south",
        kind=kind,
        sensors=("b", "c"),
        start_us=FIRST * MINUTE_US,
        end_us=LAST * MINUTE_US,
        size=size,
    )


@pytest.mark.parametrize("kind", INJECTED)
def test_only_the_values_of_the_fault_change(series: list[Series], kind: PlantFaultKind) -> None:
    before = [part.values.copy() for part in series]
    wrong = inject(series, SENSORS, [fault(kind)], seed=1)
    changed = [a.values != b for a, b in zip(wrong, before, strict=True)]
    assert not changed[0].any()
    assert changed[1][FIRST + 1 : LAST, 1].mean() > 0.9  # a drift starts at zero
    changed[1][FIRST:LAST, 1] = False
    assert not changed[1].any()
    for part, untouched in zip(series, before, strict=True):
        np.testing.assert_array_equal(part.values, untouched)


def inject_fault(series: list[Series], kind: PlantFaultKind, size: float) -> tuple[Series, np.ndarray]:
    wrong = inject(series, SENSORS, [fault(kind, size)], seed=1)[1].values[FIRST:LAST, 1]
    return series[1], wrong


def test_stuck_repeats_the_last_good_value(series: list[Series]) -> None:
    clean, wrong = inject_fault(series, PlantFaultKind.STUCK, 0.0)
    assert (wrong == clean.values[FIRST - 1, 1]).all()


def test_offset_and_drift_reach_their_size_in_deviations(series: list[Series]) -> None:
    clean, offset = inject_fault(series, PlantFaultKind.OFFSET, -2.0)
    _, drift = inject_fault(series, PlantFaultKind.DRIFT, 4.0)
    deviation = clean.values[:, 1].std()
    np.testing.assert_allclose(offset - clean.values[FIRST:LAST, 1], -2.0 * deviation, rtol=1e-5)
    departure = drift - clean.values[FIRST:LAST, 1]
    assert abs(departure[0]) < 1e-6
    assert departure[-1] == pytest.approx(4.0 * deviation, rel=1e-5)


def test_noise_has_its_size_and_is_seeded(series: list[Series]) -> None:
    clean, wrong = inject_fault(series, PlantFaultKind.NOISE, 5.0)
    added = (wrong - clean.values[FIRST:LAST, 1]) / clean.values[:, 1].std()
    assert 3.5 < added.std() < 6.5
    np.testing.assert_array_equal(wrong, inject_fault(series, PlantFaultKind.NOISE, 5.0)[1])


def test_decoupled_shows_earlier_rows(series: list[Series]) -> None:
    clean, wrong = inject_fault(series, PlantFaultKind.DECOUPLED, 100.0)
    np.testing.assert_array_equal(wrong, clean.values[FIRST - 100 : LAST - 100, 1])


def test_attacks_are_left_to_the_simulation(series: list[Series]) -> None:
    attack = fault(PlantFaultKind.ATTACK)
    assert attacks([fault(PlantFaultKind.STUCK), attack]) == [attack]
    for result, before in zip(inject(series, SENSORS, [attack], seed=1), series, strict=True):
        np.testing.assert_array_equal(result.values, before.values)


def test_the_schedule_covers_all_kinds_and_assets_and_keeps_distances() -> None:
    plant = WaterPlant(seed=1)
    faults = fault_schedule.schedule_faults(plant, 0)
    assert 6 <= len(faults) <= 8
    assert {label.kind for label in faults} == set(PlantFaultKind)
    assert {label.asset for label in faults} == set(plant.assets)
    for asset in plant.assets:
        own = sorted((label for label in faults if label.asset == asset), key=lambda label: label.start_us)
        assert own[0].start_us >= 180 * MINUTE_US
        assert own[-1].end_us <= fault_schedule.SCHEDULE_MINUTES * MINUTE_US
        for earlier, later in pairwise(own):
            assert later.start_us - earlier.end_us >= 180 * MINUTE_US
    assert all(sensor in plant.sensors for label in faults for sensor in label.sensors)


def test_the_schedule_for_a_plant_with_one_asset_names_no_other() -> None:
    plant = WaterPlant(seed=1, assets=1)
    assert {label.asset for label in fault_schedule.schedule_faults(plant, 0)} == set(plant.assets)
