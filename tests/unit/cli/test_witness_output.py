"""The table of a model's witnesses, as `train` and `models show` print it."""

from __future__ import annotations

from typing import Any

import pytest

from tfstream.cli.output import printing
from tfstream.cli.output.witness_output import print_witnesses

MINUTE_US = 60_000_000
LEVELS = {
    "witness": "levels",
    "name": "levels over 4 rows (means of 8 rows)",
    "rows": 32,
    "weeks": 0.5,
    "forward": {"asked": 2.0, "alarms": 31, "over": 0.23},
    "refused": "its level wanders",
}
ERRORS = {"witness": "errors", "name": "errors", "rows": 1, "weeks": 0.5, "forward": None, "refused": None}


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal wide enough for a row of the table."""
    monkeypatch.setattr(printing.out, "width", 200)


def text(capsys: pytest.CaptureFixture[str], metrics: dict[str, Any]) -> str:
    print_witnesses(metrics, MINUTE_US)
    return " ".join(capsys.readouterr().out.split())


def test_admitted_and_refused_witnesses_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    gate = {"score_forward": {"asked": 1.0, "alarms": 3, "over": 0.04}, "alarms_by_witness": {"errors": 1}}
    printed = text(capsys, {"witnesses": [ERRORS, LEVELS], "gate": gate})
    assert "score all error terms - 1 3 4.0% always" in printed
    assert "errors errors 1 min - - - yes" in printed
    assert "31 23.0% no: its level wanders" in printed
    assert (
        "1 alarm on the rows held out for the gate, by the witness that raised each first: errors 1"
        in printed
    )


def test_a_model_without_witnesses_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no other witness: too few rows to learn from" in text(capsys, {"witnesses": []})
    assert text(capsys, {}) == ""  # a model of an older version


def test_own_comparisons_of_assets_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    own = {**LEVELS, "own": {"sensors": 12, "assets": 6}}
    line = "levels over 4 rows (means of 8 rows): compares 12 sensors by each asset's own readings (6 assets)"
    assert line in text(capsys, {"witnesses": [ERRORS, own]})
    assert "own readings" not in text(capsys, {"witnesses": [ERRORS, LEVELS]})


def test_the_reason_why_all_assets_share_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    shared = {**LEVELS, "own": {"refused": "too large"}}
    printed = text(capsys, {"witnesses": [ERRORS, shared, shared]})
    assert printed.count("all assets share their comparisons: too large") == 1
