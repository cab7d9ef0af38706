"""Normal series with a shift that stays, and faults of sensors long after it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.studies.quality.alarms.standing_cases import SHIFTS, shifted_run
from tests.studies.simulated_readings import readings
from tfstream.core.reading import Series, Values

INTERVAL_US = 300_000_000
DAY = 288  # rows
FIRST = 2 * DAY
SENSORS = tuple(f"s{number}" for number in range(12))


@pytest.fixture(scope="module")
def normal() -> Values:
    return readings(12 * DAY, len(SENSORS), seed=1)


@pytest.mark.parametrize("kind", SHIFTS)
def test_a_shift_stays_and_faults_follow_a_day_after_it(normal: Values, kind: str) -> None:
    series = Series("x", np.arange(len(normal), dtype=np.int64) * INTERVAL_US, normal)
    run = shifted_run(series, SENSORS, kind, FIRST, 0)
    shift, *faults = run.faults
    begins = FIRST + DAY
    assert (shift.kind, shift.first, shift.stop) == (f"the shift itself: {kind}", begins, begins + DAY)
    assert len(shift.sensors) == 2  # a sixth of twelve
    assert len(faults) == 11  # eight hours every sixteen, for more than seven days
    assert all(fault.first >= begins + DAY for fault in faults)
    changed = run.series.values - normal
    np.testing.assert_array_equal(changed[:begins], 0)
    between = [*range(begins + DAY, faults[0].first), *range(faults[0].stop, faults[1].first)]
    moved = np.isin(SENSORS, shift.sensors)
    sizes = np.abs(changed[between].mean(axis=0)) / normal[:begins].std(axis=0)
    assert (sizes[moved] > 1.4).all()
    assert (sizes[moved] < 3.1).all()
    assert not changed[between][:, ~moved].any()
