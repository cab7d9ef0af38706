"""The study of the demo: totals over seeds, the page's section, and the demo without services."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.studies.quality import demo
from tests.studies.quality.demo import section, total_of
from tests.studies.quality.settings import QualitySettings


def fault(rank: int | None, delay_min: float | None, other_alarms: int = 0) -> dict[str, Any]:
    return {
        "fault": "stuck LEVEL",
        "found": rank is not None,
        "rank": rank,
        "delay_min": delay_min,
        "other_alarms": other_alarms,
    }


def seed(number: int, faults: list[dict[str, Any]], false_alarms: int) -> dict[str, Any]:
    return {
        "seed": number,
        "asset_days": 3,
        "budget_per_week": 1.0,
        "faults": faults,
        "false_alarms": false_alarms,
        "false_alarms_during_faults": sum(fault["other_alarms"] for fault in faults),
    }


SEEDS = [
    seed(0, [fault(1, 4.0), fault(None, None, other_alarms=1)], 2),
    seed(1, [fault(2, 20.0), fault(1, 6.0)], 0),
]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> QualitySettings:
    monkeypatch.setattr(demo, "run", lambda jobs, settings, title: SEEDS[: len(jobs)])
    return QualitySettings(data=None, folder=tmp_path)


def test_the_total_is_over_all_seeds_together() -> None:
    total = total_of(SEEDS)
    assert (total["found"], total["faults"], total["found_per_seed"]) == (3, 4, 1.5)
    assert (total["first"], total["median_delay_min"]) == (2, 6.0)
    assert (total["false_alarms"], total["false_alarms_during_faults"]) == (2, 1)
    assert total["allowed"] == pytest.approx(6 / 7)
    assert total["bounds"] == [0, 3]


def test_seeds_that_find_nothing_have_no_delay() -> None:
    total = total_of([seed(0, [fault(None, None)], 0)])
    assert (total["found"], total["median_delay_min"]) == (0, None)
    figures = {"training_days": 4, "total": total, "faults": [], "seeds": [], "before": None}
    assert "| median delay | - | - | - | - |" in section(figures)


def test_the_section_shows_the_result_beside_an_earlier_run(settings: QualitySettings) -> None:
    earlier = total_of([seed(0, [fault(1, 12.0), fault(None, None)], 9)])
    document = {"commit": "abc123", "found": {"total": earlier}}
    (settings.folder / "demo_before.json").write_text(json.dumps(document), encoding="utf-8")
    figures = demo.measure(settings)
    text = section(figures)
    assert "| before (abc123) | result |" in text
    assert "| faults found, mean of the seeds | 1.00 of 2 | 1.50 of 2 | ≥ 7.5 | **missed** |" in text
    assert "| median delay | 12 min | 6 min | ≤ 6 min | met |" in text
    assert "| 9 | 2 | 0 to 3 | met |" in text
    assert "| stuck LEVEL | 2 of 2 | 1 | 12 min | 0 |" in text
    assert "| 0 | 1 of 2 | 1 | 4 min | 2 | 1 |" in text


def test_without_an_earlier_run_the_delay_has_no_target(settings: QualitySettings) -> None:
    assert "| median delay | - | 6 min | - | - |" in section(demo.measure(settings))
