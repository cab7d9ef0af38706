"""The month's section of ``docs/learning.md``, written from its figures between two marks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.studies.markdown import figure, table
from tests.studies.provenance import provenance_line

_BEGIN, _END = "<!-- month: written by `make month` -->\n", "<!-- end of month -->"

_INTRO = """The run covers {days} days of two simulated waterworks (48 sensors each, a row every two
minutes, seed {seed}) on a real Apache Kafka and PostgreSQL, after 14 days to learn from. Recorder and
scorer run all the time. Every night `tfstream train --since 14d` refits as the trainer does, and every day
an operator labels the alarms.

The month contains sensors that drift, an overhaul of one works for a week (`exclusions add`), a sensor that
reads 3 deviations too high for three days, a transmitter that is exchanged for good (`anomalies label ...
new-normal`), and seven nights from the 19th on in which the history is set to one day by mistake. The
control is the same month with `--no-gate`.

The exam is separate from the month: {faults} faults in six other days, with the instruments' drift of that
night. No model has learnt from these days. The faults are small: they show what a model has lost rather
than how good it is.
"""


def write(document: Mapping[str, Any], page: Path) -> None:
    """Replace the section in the page; ``document`` holds figures with their provenance."""
    text = page.read_text(encoding="utf-8")
    before, mark, rest = text.partition(_BEGIN)
    after = rest.partition(_END)[2] if mark else ""
    page.write_text(f"{before}{_BEGIN}{section(document)}{_END}{after}", encoding="utf-8")


def section(document: Mapping[str, Any]) -> str:
    """Text, picture and table."""
    found = document["found"]
    runs = found["runs"]
    lines = [[label, *(describe(run) for run in runs.values())] for label, describe in _LINES.items()]
    faults = next(iter(runs.values()))["nights"][0]["faults"]
    return "\n".join(
        [
            _INTRO.format(days=found["days"], seed=found["seed"], faults=faults),
            "![alarms of both runs and results of the exam, night by night](learning/month.svg)\n",
            table(["figure", "with the gate", "control, without the gate"], lines),
            provenance_line(document, processes=False) + "\n",
        ]
    )


def _false_alarms(run: Mapping[str, Any]) -> str:
    alarms = run["alarms"]
    return (
        f"{alarms['false']} in {alarms['weeks']:.1f} asset weeks ({alarms['realised']:.2f} a week for "
        f"a budget of {alarms['asked']:g}; chance gives {alarms['low']} to {alarms['high']})"
    )


def _long_fault(run: Mapping[str, Any]) -> str:
    faults = [
        ", ".join(f"{first:.1f} to {last:.1f} h" for first, last in fault["episodes"]) or "not detected"
        for fault in run["long"]
    ]
    return "; ".join(faults) or "-"


def _promoted(run: Mapping[str, Any]) -> str:
    nights = run["nights"]
    return f"{sum(night['promoted'] for night in nights)} of {len(nights)}"


def _exam(run: Mapping[str, Any]) -> str:
    nights = run["nights"]
    share = sum(night["found"] for night in nights) / sum(night["faults"] for night in nights)
    worst = min(night["found"] / night["faults"] for night in nights)
    return f"{figure(share, 2)} ({figure(worst, 2)})"


def _exam_alarms(run: Mapping[str, Any]) -> str:
    false = [night["false"] for night in run["nights"]]
    return f"{sum(false) / len(false):.1f} ({max(false)})"


def _largest_loss(run: Mapping[str, Any]) -> str:
    """The largest loss of the gate's detection at a promotion."""
    falls = [
        night["detection"]["challenger"] - night["detection"]["champion"]
        for night in run["nights"]
        if night["promoted"] and night["detection"] and night["detection"]["champion"] is not None
    ]
    return f"{min(falls):+.3f}" if falls else "not measured"


_LINES = {
    "false alarms": _false_alarms,
    "start and end of the three-day fault's episode, hours after the fault began": _long_fault,
    "short faults detected": lambda run: f"{run['short']['found']} of {run['short']['faults']}",
    "nights on which the new model was promoted": _promoted,
    "largest loss of held-out detection at a promotion (AUC of the gate)": _largest_loss,
    "exam: share of faults detected, mean of the nights (worst)": _exam,
    "exam: false alarms, mean of the nights (worst)": _exam_alarms,
}
