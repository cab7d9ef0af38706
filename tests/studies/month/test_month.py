"""The month's parts, without the services; `make month` runs all of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.studies.month import document, picture
from tests.studies.month.run import Episode, cause
from tests.studies.month.world import DAY_ROWS, LEARNT_DAYS, Sort, World, as_on, build, day_us

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(scope="module")
def world() -> World:
    return build(seed=1, days=15)


def episode(asset: str, first: float, last: float) -> Episode:
    """By days of the month."""
    return Episode("x", asset, "process", day_us(first), day_us(last), False, None, 1)


def test_what_does_not_fit_does_not_happen(world: World) -> None:
    sorts = [one.sort for one in world.happenings]
    assert (sorts.count(Sort.SHORT), sorts.count(Sort.LONG), sorts.count(Sort.MAINTENANCE)) == (5, 1, 1)
    assert Sort.SHIFT not in sorts
    assert {len(one.values) for one in world.series} == {(LEARNT_DAYS + 15) * DAY_ROWS}


def test_what_is_learnt_from_first_is_clean_but_for_the_drift(world: World) -> None:
    clean = world.plant.simulate((LEARNT_DAYS + 15) * DAY_ROWS, int(world.series[0].times_us[0]))
    still = [place for place, name in enumerate(world.sensors) if name.startswith(("FIT", "LIT"))]
    learnt = slice(0, LEARNT_DAYS * DAY_ROWS)
    for one, exact in zip(world.series, clean, strict=True):
        np.testing.assert_array_equal(one.values[learnt, still], exact.values[learnt, still])


def test_instruments_show_more_day_by_day(world: World) -> None:
    before, after = (as_on(world.day(0), world.sensors, day) for day in (0, 20))
    fouled = world.sensors.index("DPIT201_FILTER")
    assert (after[0].values[:, fouled] > before[0].values[:, fouled]).all()
    exchanged = world.sensors.index("AIT203_PH")
    moved = [
        (late.values - early.values)[:, exchanged].mean() for early, late in zip(before, after, strict=True)
    ]
    assert moved[0] > 0  # at the works where the transmitter was exchanged
    assert moved[1] == 0


def test_an_alarm_has_its_cause(world: World) -> None:
    (fault,) = world.of(Sort.LONG)
    assert cause(fault, episode(fault.asset, 11.2, 14.0))
    assert not cause(fault, episode("another", 11.2, 14.0))
    assert not cause(fault, episode(fault.asset, 10.0, 11.0))
    assert not cause(fault, episode(fault.asset, 14.5, 14.6))


def test_the_page_tells_the_kept_figures(tmp_path: Path) -> None:
    """Nobody has changed one without the other."""
    made = json.loads((DOCS / "learning" / "month.json").read_text(encoding="utf-8"))
    assert document.section(made) in (DOCS / "learning.md").read_text(encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text("before\n", encoding="utf-8")
    document.write(made, page)
    first = page.read_text(encoding="utf-8")
    document.write(made, page)
    assert page.read_text(encoding="utf-8") == first
    picture.draw(made["found"], tmp_path / "month.svg")
    assert (tmp_path / "month.svg").read_bytes() == (DOCS / "learning" / "month.svg").read_bytes()
