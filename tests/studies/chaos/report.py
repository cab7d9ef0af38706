"""``docs/reliability.md`` from the JSON of a run: what was done, what was compared, what differed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.studies.chaos.scenarios import Finding
from tests.studies.chaos.show import Told

JSON_NAME = "chaos.json"
_INTRO = """# Reliability

What `make chaos` found, which writes this page from `reliability/chaos.json`: never by hand.

Three scorers, a sink and a recorder work on a topic of 9 assets in 6 partitions, on an Apache Kafka and a
PostgreSQL of their own, while a feeder goes on producing readings. Faults are done to them in an order that
the seed decides, three at a time where they touch different things; a supervisor starts again what has
ended. Then the same log is scored once more, by one scorer on a second broker and a second database that
nothing is done to. What three readers hold is compared with that undisturbed pass, byte for byte: a
read_committed reader that read all the while, one that read at the end, and SQL. Records are compared as
multisets, and within each asset by their order.
"""
_CONTROL = """
The same check, on scorers that read on from the committed offset without reading again what their windows
hold (`tests/studies/chaos/entry.py` takes the rewind offset away). It must fail, or the check proves nothing.
"""


def as_json(
    told: Told,
    control: Told,
    findings: Sequence[Finding],
    provenance: Mapping[str, Any],
    *,
    command: str,
    seconds: float,
) -> dict[str, Any]:
    return {
        "command": command,
        "passed": passed(told, control, findings),
        "seconds": round(seconds),
        **provenance,
        "found": {
            "chaos": _show(told),
            "control": _show(control),
            "scenarios": [asdict(finding) for finding in findings],
        },
    }


def passed(told: Told, control: Told, findings: Sequence[Finding]) -> bool:
    """All promises kept, and the control found out."""
    return told.passed and control.verdict.differs and not any(finding.broken for finding in findings)


def write(document: Mapping[str, Any], docs: Path) -> Path:
    """The JSON file and the page; returns the page's path."""
    folder = docs / "reliability"
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=1, allow_nan=False)
    (folder / JSON_NAME).write_text(text + "\n", encoding="utf-8")
    page = docs / "reliability.md"
    page.write_text(render(document), encoding="utf-8")
    return page


def render(document: Mapping[str, Any]) -> str:
    found = document["found"]
    parts = [
        _INTRO,
        _summary(document),
        "## What was compared\n",
        _differences(found["chaos"]["differences"]),
        _broken(found["chaos"]["broken"]),
        "## Faults\n",
        _table(["fault", "times"], sorted(found["chaos"]["faults"].items())),
        "## Exits\n\nEvery process that ended was started again; -9 is SIGKILL.\n",
        _table(["process", "exit code", "times"], _exits(found["chaos"]["exits"])),
        f"## Control\n{_CONTROL}",
        _differences(found["control"]["differences"]),
        "## Faults that change the result\n\nEach has a promise of its own.\n",
        _table(
            ["fault", "promise", "records", "kept"],
            [
                (one["name"], one["promise"], one["records"], "**no**" if one["broken"] else "yes")
                for one in found["scenarios"]
            ],
        ),
        _source(document),
    ]
    return "\n".join(parts)


def _show(told: Told) -> dict[str, Any]:
    return {
        "faults": dict(sorted(told.done.items())),
        "faults_s": round(told.faults_s),
        "records_sent": told.records_sent,
        "exits": {
            role: {str(code): times for code, times in sorted(codes.items())}
            for role, codes in sorted(told.exits.items())
        },
        "broken": [*told.broken, *told.verdict.reader_errors],
        "differences": {
            holder: {name: one.as_json() for name, one in held.items()}
            for holder, held in told.verdict.differences.items()
        },
    }


def _summary(document: Mapping[str, Any]) -> str:
    chaos = document["found"]["chaos"]
    word = "Nothing differed." if document["passed"] else "Something differed; see below."
    return (
        f"**{sum(chaos['faults'].values())} faults of {len(chaos['faults'])} kinds in "
        f"{chaos['faults_s'] / 60:.0f} minutes, {chaos['records_sent']} readings. {word}**\n"
    )


def _differences(differences: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    columns = ["held by", "of", "expected", "missing", "duplicated", "wrong", "unexpected", "other order"]
    names = ("expected", "missing", "duplicated", "wrong", "unexpected", "order")
    return _table(
        columns,
        [
            (holder, name, *(one[field] for field in names))
            for holder, held in differences.items()
            for name, one in held.items()
        ],
    )


def _broken(broken: Sequence[str]) -> str:
    return "".join(f"- {one}\n" for one in broken)


def _exits(exits: Mapping[str, Mapping[str, int]]) -> list[tuple[str, str, int]]:
    return [(role, code, times) for role, codes in exits.items() for code, times in codes.items()]


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def _source(document: Mapping[str, Any]) -> str:
    machine = document["machine"]
    versions = ", ".join(" ".join(one) for one in document["versions"].items())
    return (
        f"<sub>`{document['command']}`, {document['date']}, commit {document['commit']}: "
        f"{document['seconds']} s on {machine['cores']} cores ({machine['cpu']}); {versions}.</sub>\n"
    )
