"""The parts of the month study that need no services; `make month` runs the whole study."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.studies.month import learning_section, picture
from tests.studies.month.month_run import StoredEpisode, may_cause
from tests.studies.month.simulated_month import (
    DAY_ROWS,
    LEARNT_DAYS,
    MonthEventKind,
    SimulatedMonth,
    build,
    day_us,
    readings_on_day,
)

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(scope="module")
def simulated() -> SimulatedMonth:
    return build(seed=1, days=15)


def episode(asset: str, first: float, last: float) -> StoredEpisode:
    """An episode, given by days of the month."""
    return StoredEpisode("x", asset, "process", day_us(first), day_us(last), False, None, 1)


def test_events_that_do_not_fit_are_left_out(simulated: SimulatedMonth) -> None:
    kinds = [event.kind for event in simulated.events]
    assert (
        kinds.count(MonthEventKind.SHORT),
        kinds.count(MonthEventKind.LONG),
        kinds.count(MonthEventKind.MAINTENANCE),
    ) == (5, 1, 1)
    assert MonthEventKind.SHIFT not in kinds
    assert {len(series.values) for series in simulated.series} == {(LEARNT_DAYS + 15) * DAY_ROWS}


def test_the_first_model_learns_from_clean_readings_with_drift(simulated: SimulatedMonth) -> None:
    clean = simulated.plant.simulate((LEARNT_DAYS + 15) * DAY_ROWS, int(simulated.series[0].times_us[0]))
    stable = [index for index, name in enumerate(simulated.sensors) if name.startswith(("FIT", "LIT"))]
    learnt = slice(0, LEARNT_DAYS * DAY_ROWS)
    for series, exact in zip(simulated.series, clean, strict=True):
        np.testing.assert_array_equal(series.values[learnt, stable], exact.values[learnt, stable])


def test_instruments_show_more_day_by_day(simulated: SimulatedMonth) -> None:
    before, after = (readings_on_day(simulated.day(0), simulated.sensors, day) for day in (0, 20))
    fouled = simulated.sensors.index("DPIT201_FILTER")
    assert (after[0].values[:, fouled] > before[0].values[:, fouled]).all()
    exchanged = simulated.sensors.index("AIT203_PH")
    moved = [
        (late.values - early.values)[:, exchanged].mean() for early, late in zip(before, after, strict=True)
    ]
    assert moved[0] > 0  # at the works where the transmitter was exchanged
    assert moved[1] == 0


def test_an_alarm_has_its_cause(simulated: SimulatedMonth) -> None:
    (fault,) = simulated.events_of(MonthEventKind.LONG)
    assert may_cause(fault, episode(fault.asset, 11.2, 14.0))
    assert not may_cause(fault, episode("another", 11.2, 14.0))
    assert not may_cause(fault, episode(fault.asset, 10.0, 11.0))
    assert not may_cause(fault, episode(fault.asset, 14.5, 14.6))


def test_the_page_is_rendered_from_the_stored_figures(tmp_path: Path) -> None:
    """Page and picture in docs belong to the JSON file; writing the page twice changes nothing."""
    stored = json.loads((DOCS / "learning" / "month.json").read_text(encoding="utf-8"))
    assert learning_section.section(stored) in (DOCS / "learning.md").read_text(encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text("before\n", encoding="utf-8")
    learning_section.write(stored, page)
    first = page.read_text(encoding="utf-8")
    learning_section.write(stored, page)
    assert page.read_text(encoding="utf-8") == first
    picture.draw(stored["found"], tmp_path / "month.svg")
    assert (tmp_path / "month.svg").read_bytes() == (DOCS / "learning" / "month.svg").read_bytes()
