"""The section ``alarms`` of the page: targets, every suite before and after, every kind of fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.studies.markdown import figure, table
from tests.studies.quality.alarms.alarm_targets import target_table
from tests.studies.quality.alarms.suite_figures import PRODUCT, Line

_BEFORE = "before"
_INTRO = """## Alarms

An operator sees alarms and no scores. Every method learns from normal rows alone and asks for one false
alarm for each asset and week. A fault is *found* when an alarm that is raised within it, or within 16 rows
after it, names a sensor that the fault touches among its first three; the product names sensors with a fifth
of the evidence or more. *Any alarm* counts alarms that name other sensors, too. An alarm that was raised
before the fault does not find it, even if it still stands. Where nobody knows the sensors that a fault
touches, every alarm in it counts. *Right first*: the first alarm in the fault names a touched sensor first.
Delays are over all faults: `-` stands where too many are missed. *False a week* has the bounds of its rate
(95 %, Poisson). *Stood* is the share of normal rows under an alarm, *longest* the time that a single alarm
stood, both as long as the alarm may hide another: an alarm whose shift stays hides nothing once it stands
([learning.md](learning.md)). *Before* is the detector of the commit
in the last column. An sd is a sensor's standard deviation.
"""
_PICTURE = """![A drifting and a stuck sensor, and the alarms](quality/alarms.svg)

A drifting and a stuck sensor of the Tennessee Eastman process: the first of their kinds in the study. A bar
marks the time that an alarm stood, with the sensor that it named first when it was raised.
"""
_NAB = """### The score of the Numenta Anomaly Benchmark

NAB's standard profile on 20 of its 58 files: 0 is a detector that says nothing, 100 a perfect one; a false
detection costs .11, a missed window 1, and an early detection in a window counts more than a late one. One
detection stands at each alarm's opening. Published scores, on all files and with the best threshold: HTM
70.1, random cut forest 51.7, windowed Gaussian 39.6, random 16.8.
"""


def section(figures: Mapping[str, Any]) -> str:
    """All suites, then all kinds of faults; the detector before stands above the present one."""
    targets = target_table(figures["lines"], PRODUCT)
    lines = _beside(figures["lines"], figures["before"])
    picture = _PICTURE if figures.get("picture") else ""
    return "\n".join(
        [_INTRO, targets, _suites(lines), *_nab(lines), picture, "### By kind of fault\n", _kinds(lines)]
    )


def _nab(lines: Sequence[Line]) -> list[str]:
    """The table of NAB's own score, where it was measured."""
    scored = [line for line in lines if line.get("nab")]
    if not scored:
        return []
    groups = list(dict.fromkeys(group for line in scored for group in line["nab"]))
    rows = [
        [line["suite"], line["method"], *(figure(line["nab"].get(group), 1) for group in groups)]
        for line in scored
    ]
    return [_NAB, table(["suite", "method", *groups], rows, text_columns=2)]


def _beside(lines: Sequence[Line], before: Sequence[Line]) -> list[Line]:
    """Every line after the line of the same suite and part that was measured before."""
    earlier = {(line["suite"], line["part"], line["method"]): line for line in before}
    beside: list[Line] = []
    for line in lines:
        old = earlier.get((line["suite"], line["part"], line["method"]))
        if old is not None:
            beside.append({**old, "method": f"{old['method']}, {_BEFORE}"})
        beside.append(line)
    return beside


def _suites(lines: Sequence[Line]) -> str:
    columns = [
        "suite",
        "method",
        "found",
        "any alarm",
        "right first",
        "median, min",
        "p75, min",
        "within 4 h",
        "false a week",
        "stood",
        "longest, h",
        "commit",
    ]
    return table(columns, [_suite_row(line) for line in lines], text_columns=2)


def _suite_row(line: Line) -> list[str]:
    found = _found_cells(line["found"][0]) if line["found"] else ["-"] * 6
    name = f"{line['suite']}: {line['part']}"
    longest = line.get("longest_h")  # older figures have none
    stood = [_share(line["stood"]), figure(longest, 1)]
    return [name, line["method"], *found, _false(line["false"]), *stood, line["commit"]]


def _found_cells(found: Mapping[str, Any]) -> list[str]:
    faults = found["faults"]
    right = "-" if found["right_first"] is None else str(found["right_first"])
    return [
        f"{found['found']} of {faults}",
        str(found["by_any_alarm"]),
        right,
        figure(found["median_minutes"], 0),
        figure(found["p75_minutes"], 0),
        str(found["within_4h"]),
    ]


def _false(false: Mapping[str, Any]) -> str:
    if false["realised"] is None:
        return "-"
    return f"{false['realised']:.2f} ({false['low']:.2f} to {false['high']:.2f})"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _kinds(lines: Sequence[Line]) -> str:
    """A table for every part of a suite with several kinds: the faults found by each method."""
    parts: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        if len(line["kinds"]) > 1:
            parts.setdefault((line["suite"], line["part"]), []).append(line)
    return "\n".join(
        f"**{suite}: {part}**\n\n{_kind_table(methods)}" for (suite, part), methods in parts.items()
    )


def _kind_table(methods: Sequence[Line]) -> str:
    """Found, right first and median delay of every kind, a column for every method."""
    kinds = list(dict.fromkeys(found["kind"] for line in methods for found in line["kinds"]))
    by_method = [{found["kind"]: found for found in line["kinds"]} for line in methods]
    rows = [[kind, *(_kind_cell(found.get(kind)) for found in by_method)] for kind in kinds]
    return table(["found; right first; median, min", *(line["method"] for line in methods)], rows)


def _kind_cell(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "-"
    right = "-" if found["right_first"] is None else found["right_first"]
    median = figure(found["median_minutes"], 0)
    return f"{found['found']} of {found['faults']}; {right}; {median}"
