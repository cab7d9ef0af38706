"""The page shows what the JSON holds, and a run whose control was not detected does not pass."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from tests.studies.chaos import reliability_page
from tests.studies.chaos.chaos_run import ChaosResult
from tests.studies.chaos.comparison import ChaosComparison
from tests.studies.chaos.record_differences import RecordDifferences
from tests.studies.chaos.scenarios import ScenarioResult

DOCS = Path(__file__).parents[3] / "docs"
PROVENANCE = {
    "commit": "abc",
    "date": "2026-01-06",
    "machine": {"cpu": "a processor", "cores": 2},
    "versions": {"tfstream": "0.1", "Apache Kafka": "4.3.1"},
}


def chaos_result(*, missing: int = 0, wrong: int = 0) -> ChaosResult:
    differences = {"SQL": {"score": RecordDifferences(expected=10, missing=missing, wrong=wrong)}}
    return ChaosResult(
        applied=Counter({"kill": 3}),
        exits={"scorer": Counter({-9: 3, 0: 1})},
        records_sent=1000,
        faults_s=120.0,
        comparison=ChaosComparison(differences=differences),
    )


def scenario(*broken: str) -> ScenarioResult:
    return ScenarioResult(name="log start", promise="nothing twice", records=5, broken=broken)


def document(chaos: ChaosResult, control: ChaosResult, *scenarios: ScenarioResult) -> dict[str, Any]:
    return reliability_page.as_json(
        chaos, control, scenarios, PROVENANCE, command="make chaos", seconds=300.0
    )


def test_a_run_passes_only_when_nothing_differs_and_the_control_does() -> None:
    same, missing = chaos_result(), chaos_result(missing=2)
    assert document(same, missing, scenario())["passed"]
    assert not document(chaos_result(wrong=1), missing, scenario())["passed"]
    assert not document(same, same, scenario())["passed"]
    assert not document(same, missing, scenario("twice"))["passed"]


def test_the_page_is_written_from_the_json(tmp_path: Path) -> None:
    page = reliability_page.write(
        document(chaos_result(), chaos_result(missing=2), scenario("twice")), tmp_path
    )
    stored = json.loads((tmp_path / "reliability" / "chaos.json").read_text(encoding="utf-8"))
    text = page.read_text(encoding="utf-8")
    assert text == reliability_page.render(stored)
    for words in (
        "3 faults of 1 kinds in 2 minutes",
        "| SQL | score | 10 | 2 |",
        "| scorer | -9 | 3 |",
        "**no**",
    ):
        assert words in text


def test_the_page_in_docs_is_rendered_from_its_json() -> None:
    stored = json.loads((DOCS / "reliability" / "chaos.json").read_text(encoding="utf-8"))
    assert reliability_page.render(stored) == (DOCS / "reliability.md").read_text(encoding="utf-8")
