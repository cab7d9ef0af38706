"""The month's section of ``docs/learning.md``: written from the figures, between two marks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.studies.markdown import figure, table

_BEGIN, _END = "<!-- month: written by `make month` -->\n", "<!-- end of month -->"

_WORDS = """The run covers {days} days of two simulated waterworks (48 sensors each, a row every two
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


def write(made: Mapping[str, Any], page: Path) -> None:
    """Put the section into the page, in place of the one before; ``made`` is with its provenance."""
    text = page.read_text(encoding="utf-8")
    before, mark, rest = text.partition(_BEGIN)
    after = rest.partition(_END)[2] if mark else ""
    page.write_text(f"{before}{_BEGIN}{section(made)}{_END}{after}", encoding="utf-8")


def section(made: Mapping[str, Any]) -> str:
    """Words, picture and table."""
    found = made["found"]
    runs = found["runs"]
    lines = [[what, *(log(run) for run in runs.values())] for what, log in _LINES.items()]
    faults = next(iter(runs.values()))["nights"][0]["faults"]
    return "\n".join(
        [
            _WORDS.format(days=found["days"], seed=found["seed"], faults=faults),
            "![alarms of both runs and results of the exam, night by night](learning/month.svg)\n",
            table(["figure", "with the gate", "control, without the gate"], lines),
            _FROM.format(**made),
        ]
    )


def _asked(run: Mapping[str, Any]) -> str:
    alarms = run["alarms"]
    return (
        f"{alarms['false']} in {alarms['weeks']:.1f} asset weeks ({alarms['realised']:.2f} a week for "
        f"a budget of {alarms['asked']:g}; chance gives {alarms['low']} to {alarms['high']})"
    )


def _long(run: Mapping[str, Any]) -> str:
    told = [
        ", ".join(f"{first:.1f} to {last:.1f} h" for first, last in one["episodes"]) or "not found"
        for one in run["long"]
    ]
    return "; ".join(told) or "-"


def _promoted(run: Mapping[str, Any]) -> str:
    nights = run["nights"]
    return f"{sum(one['promoted'] for one in nights)} of {len(nights)}"


def _exam(run: Mapping[str, Any]) -> str:
    nights = run["nights"]
    found = sum(one["found"] for one in nights) / sum(one["faults"] for one in nights)
    worst = min(one["found"] / one["faults"] for one in nights)
    return f"{figure(found, 2)} ({figure(worst, 2)})"


def _exam_alarms(run: Mapping[str, Any]) -> str:
    false = [one["false"] for one in run["nights"]]
    return f"{sum(false) / len(false):.1f} ({max(false)})"


def _lowered(run: Mapping[str, Any]) -> str:
    """How much the gate's own detection fell at the worst promotion."""
    falls = [
        one["detection"]["challenger"] - one["detection"]["champion"]
        for one in run["nights"]
        if one["promoted"] and one["detection"] and one["detection"]["champion"] is not None
    ]
    return f"{min(falls):+.3f}" if falls else "not measured"


_FROM = (
    "<sub>`{command}`, {date}, commit {commit}: {seconds:.0f} s on {machine[cores]} cores "
    "({machine[cpu]}).</sub>\n"
)
_LINES = {
    "false alarms": _asked,
    "start and end of the three-day fault's episode, hours after the fault began": _long,
    "short faults found": lambda run: f"{run['short']['found']} of {run['short']['faults']}",
    "nights on which the new model was promoted": _promoted,
    "largest loss of held-out detection at a promotion (AUC of the gate)": _lowered,
    "exam: share of faults found, mean of the nights (worst)": _exam,
    "exam: false alarms, mean of the nights (worst)": _exam_alarms,
}
