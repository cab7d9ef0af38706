"""The page says what the JSON holds, and no run passes whose control was not found out."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from tests.studies.chaos import report
from tests.studies.chaos.compare import Difference
from tests.studies.chaos.scenarios import Finding
from tests.studies.chaos.show import Told
from tests.studies.chaos.verdict import Verdict

WHERE = {
    "commit": "abc",
    "date": "2026-01-06",
    "machine": {"cpu": "a processor", "cores": 2},
    "versions": {"tfstream": "0.1", "Apache Kafka": "4.3.1"},
}


def told(*, missing: int = 0, wrong: int = 0) -> Told:
    differences = {"SQL": {"score": Difference(expected=10, missing=missing, wrong=wrong)}}
    return Told(
        done=Counter({"kill": 3}),
        exits={"scorer": Counter({-9: 3, 0: 1})},
        records_sent=1000,
        faults_s=120.0,
        verdict=Verdict(differences=differences),
    )


def finding(*broken: str) -> Finding:
    return Finding(name="log start", promise="nothing twice", records=5, broken=broken)


def document(chaos: Told, control: Told, *findings: Finding) -> dict[str, Any]:
    return report.as_json(chaos, control, findings, WHERE, command="make chaos", seconds=300.0)


def test_a_run_passes_only_when_nothing_differs_and_the_control_does() -> None:
    assert document(told(), told(missing=2), finding())["passed"]
    assert not document(told(wrong=1), told(missing=2), finding())["passed"]
    assert not document(told(), told(), finding())["passed"]
    assert not document(told(), told(missing=2), finding("twice"))["passed"]


def test_the_page_is_written_from_the_json(tmp_path: Path) -> None:
    page = report.write(document(told(), told(missing=2), finding("twice")), tmp_path)
    held = json.loads((tmp_path / "reliability" / "chaos.json").read_text(encoding="utf-8"))
    text = page.read_text(encoding="utf-8")
    assert text == report.render(held)
    for words in (
        "3 faults of 1 kinds in 2 minutes",
        "| SQL | score | 10 | 2 |",
        "| scorer | -9 | 3 |",
        "**no**",
    ):
        assert words in text
