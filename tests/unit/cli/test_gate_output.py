"""The gate's decision in short lines, as `train`, `models show` and `models runs` print it."""

from __future__ import annotations

from typing import Any

import pytest

from tfstream.cli.output import printing
from tfstream.cli.output.gate_output import beyond_gate, in_lines, print_gate
from tfstream.core.learning.promotion_rule import GateCheck, as_metrics, decide

ALARMS = GateCheck(what="alarms", champion=3.0, challenger=1.0, wanted="at most 4", holds=True)
FAULTS = GateCheck(what="faults found", champion=0.9, challenger=0.5, wanted="at most 0.03 less", holds=False)
STICKING = GateCheck(what="sticking", champion=0.9, challenger=0.5)
NOTES = ("tested on 1203 held-out rows", "then refitted on all rows")


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal wide enough for a row of the table."""
    monkeypatch.setattr(printing.out, "width", 200)


def metrics(*checks: GateCheck) -> dict[str, Any]:
    return as_metrics(decide(checks, NOTES, looks_normal=True))


def lines(capsys: pytest.CaptureFixture[str], metrics: dict[str, Any]) -> list[str]:
    print_gate(metrics)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_a_model_that_passes_has_a_line_for_each_check_and_each_note(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert lines(capsys, metrics(ALARMS, STICKING)) == [
        "gate champion challenger wanted holds",
        "alarms 3 1 at most 4 yes",
        "sticking 0.9 0.5",
        "the gate lets the model pass",
        "- tested on 1203 held-out rows",
        "- then refitted on all rows",
    ]


def test_a_rejected_model_names_the_checks_that_failed(capsys: pytest.CaptureFixture[str]) -> None:
    printed = lines(capsys, metrics(ALARMS, FAULTS))
    assert "faults found 0.9 0.5 at most 0.03 less NO" in printed
    verdict = printed.index("the gate rejects the model")
    assert printed[verdict + 1] == "- failed: faults found"


def test_a_model_without_a_gate_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines(capsys, {}) == []


def test_a_reason_of_the_gate_is_not_printed_twice() -> None:
    judged = metrics(ALARMS)
    own = judged["gate"]["reason"]
    assert beyond_gate(own, judged) is None
    assert beyond_gate(f"version 2 is the champion now; {own}", judged) == "version 2 is the champion now"
    assert beyond_gate("ended by a signal", {}) == "ended by a signal"
    assert beyond_gate(None, {}) is None


def test_a_stored_reason_has_a_line_for_each_part() -> None:
    assert in_lines(metrics(FAULTS)["gate"]["reason"]) == (
        "faults found: 0.5 against 0.9 of the champion, wanted at most 0.03 less\n"
        "tested on 1203 held-out rows\nthen refitted on all rows"
    )
    assert in_lines(None) is None
