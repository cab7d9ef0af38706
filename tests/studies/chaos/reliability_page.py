"""``docs/reliability.md`` from the JSON of a chaos run: the faults, the comparison, the differences."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.studies.chaos.chaos_run import ChaosResult
from tests.studies.chaos.scenarios import ScenarioResult
from tests.studies.markdown import table
from tests.studies.provenance import provenance_line

JSON_NAME = "chaos.json"
_INTRO = """# Reliability

`make chaos` measures these results and writes this page from `reliability/chaos.json`; do not edit it by
hand.

Three scorers, a sink and a recorder process a topic of 9 assets in 6 partitions. They have their own Apache
Kafka and PostgreSQL. A producer sends readings during the whole run. The seed decides the order of the
faults; up to three faults act at the same time if they affect different processes and services. A supervisor
restarts every process that has ended.

Afterwards one scorer scores the same log once more, on a second broker and a second database without faults:
the undisturbed pass. Three copies of the results are compared with it, byte for byte: the records that a
read_committed reader read during the run, the records that a reader read at the end, and the rows in SQL.
Records are compared as multisets, and within each asset by their order.
"""
_CONTROL = """
The same comparison, with scorers that resume at the committed offset and do not read their open windows again
(`tests/studies/chaos/crashing_process.py` removes the rewind offset). The comparison must fail here; this
shows that it detects errors.
"""
_DIFFERENCES = {
    "expected": "expected",
    "missing": "missing",
    "duplicated": "duplicated",
    "wrong": "wrong",
    "unexpected": "unexpected",
    "order": "other order",
}


def as_json(
    chaos: ChaosResult,
    control: ChaosResult,
    scenarios: Sequence[ScenarioResult],
    provenance: Mapping[str, Any],
    *,
    command: str,
    seconds: float,
) -> dict[str, Any]:
    """The document from which the page is rendered."""
    return {
        "command": command,
        "passed": passed(chaos, control, scenarios),
        "seconds": round(seconds),
        **provenance,
        "found": {
            "chaos": _result_json(chaos),
            "control": _result_json(control),
            "scenarios": [asdict(scenario) for scenario in scenarios],
        },
    }


def passed(chaos: ChaosResult, control: ChaosResult, scenarios: Sequence[ScenarioResult]) -> bool:
    """Whether all promises were kept and the comparison detected the control."""
    return chaos.passed and control.comparison.differs and not any(result.broken for result in scenarios)


def write(document: Mapping[str, Any], docs: Path) -> Path:
    """Write the JSON file and the page; returns the page's path."""
    folder = docs / "reliability"
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=1, allow_nan=False)
    (folder / JSON_NAME).write_text(text + "\n", encoding="utf-8")
    return write_page(docs)


def write_page(docs: Path) -> Path:
    """Render the page from the JSON file; returns the page's path."""
    document = json.loads((docs / "reliability" / JSON_NAME).read_text(encoding="utf-8"))
    page = docs / "reliability.md"
    page.write_text(render(document), encoding="utf-8")
    return page


def render(document: Mapping[str, Any]) -> str:
    """The page as markdown."""
    chaos, control = document["found"]["chaos"], document["found"]["control"]
    return "\n".join(
        [
            _INTRO,
            _summary(document),
            "## Comparison\n",
            _differences(chaos["differences"]),
            *_broken(chaos["broken"]),
            "## Faults\n",
            table(["fault", "times"], sorted(chaos["faults"].items())),
            "## Exits\n\nThe supervisor restarted every process that ended; -9 is SIGKILL.\n",
            table(["process", "exit code", "times"], _exits(chaos["exits"])),
            f"## Control\n{_CONTROL}",
            _differences(control["differences"]),
            "## Faults that change the result\n\nEach of these faults has its own promise.\n",
            _scenarios(document["found"]["scenarios"]),
            provenance_line(document, processes=False) + "\n",
        ]
    )


def _result_json(result: ChaosResult) -> dict[str, Any]:
    return {
        "faults": dict(sorted(result.applied.items())),
        "faults_s": round(result.faults_s),
        "records_sent": result.records_sent,
        "exits": {
            role: {str(code): times for code, times in sorted(codes.items())}
            for role, codes in sorted(result.exits.items())
        },
        "broken": [*result.broken, *result.comparison.reader_errors],
        "differences": {
            copy: {name: differences.as_json() for name, differences in by_name.items()}
            for copy, by_name in result.comparison.differences.items()
        },
    }


def _summary(document: Mapping[str, Any]) -> str:
    chaos = document["found"]["chaos"]
    verdict = "There are no differences." if document["passed"] else "There are differences; see below."
    return (
        f"**{sum(chaos['faults'].values())} faults of {len(chaos['faults'])} kinds in "
        f"{chaos['faults_s'] / 60:.0f} minutes, {chaos['records_sent']} readings. {verdict}**\n"
    )


def _differences(by_copy: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    rows = [
        (copy, name, *(differences[field] for field in _DIFFERENCES))
        for copy, by_name in by_copy.items()
        for name, differences in by_name.items()
    ]
    return table(["copy", "topic or table", *_DIFFERENCES.values()], rows, text_columns=2)


def _broken(broken: Sequence[str]) -> list[str]:
    return ["".join(f"- {line}\n" for line in broken)] if broken else []


def _exits(exits: Mapping[str, Mapping[str, int]]) -> list[tuple[str, str, int]]:
    return [(role, code, times) for role, codes in exits.items() for code, times in codes.items()]


def _scenarios(scenarios: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            scenario["name"],
            scenario["promise"],
            scenario["records"],
            "**no**" if scenario["broken"] else "yes",
        )
        for scenario in scenarios
    ]
    return table(["fault", "promise", "records", "kept"], rows, text_columns=2)
