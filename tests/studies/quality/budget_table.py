"""The budget's counts as tables: ratios of realised to asked, and how many lie within Poisson bounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tests.studies.markdown import table
from tfstream.core.alarms.poisson import at_most

_BOUNDS = 0.95

_READING = """
The ratio is realised over asked: its median over the streams, and that of all alarms to all that were asked
for. *Within bounds*: streams whose count lies in the central 95 % of a Poisson distribution of what was
asked; *within two*: whose ratio is between 0.5 and 2. *Extrapolated*: fewer than two such alarms were to be
expected in all of the calibration data. The dynamic threshold knows no budget. SPOT and DSPOT go on learning
from the scores that they are tested on; the others do not. In the picture the lines are all alarms over all
weeks, the points our streams.""".strip()

Found = Mapping[str, Any]


def render(found: Found) -> str:
    """The section of ``docs/quality.md``."""
    streams, sequences = found["streams"], found["sequences"]
    groups = {
        "Streams through the detector": streams,
        "Simulated scores, the calibration alone": sequences,
    }
    parts = [
        "## False alarms: asked and realised\n",
        f"{len(streams)} streams without an anomaly, a row a minute: alarms on what follows the rows that\n"
        f"were learnt from. {len(sequences)} simulated sequences of scores, through the calibration alone.\n"
        f"{_READING}\n",
        "![asked and realised](quality/budget.svg)\n",
    ]
    for title, cases in groups.items():
        for extrapolated in (False, True):
            name = "extrapolated" if extrapolated else "shown by the calibration data"
            parts += [f"### {title}, {name}\n", _methods(found["budgets"], cases, extrapolated)]
    return "\n".join([*parts, "### Each stream\n", _each(found["budgets"], streams)])


def ratios(cases: Iterable[Found], method: str, place: int, budget: float) -> list[float]:
    """Realised over asked."""
    return [case["alarms"][method][place] / (budget * case["weeks"]) for case in cases]


def poisson_bounds(mean: float, share: float = _BOUNDS) -> tuple[int, int]:
    """The lowest and the highest count within the central ``share`` of a Poisson distribution."""
    tail = (1 - share) / 2
    low = 0
    while at_most(low, mean) <= tail:
        low += 1
    high = low
    while at_most(high, mean) < 1 - tail:
        high += 1
    return low, high


def _methods(budgets: Sequence[float], cases: Sequence[Found], extrapolated: bool) -> str:
    rows = []
    for place, budget in enumerate(budgets):
        chosen = [case for case in cases if case["extrapolated"][place] == extrapolated]
        if chosen:
            rows += [_row(chosen, method, place, budget) for method in chosen[0]["alarms"]]
    if not rows:
        return "None.\n"
    head = ["asked a week", "method", "streams", "median ratio", "all alarms", "within bounds", "within two"]
    return table(head, rows)


def _row(cases: Sequence[Found], method: str, place: int, budget: float) -> list[str]:
    found = ratios(cases, method, place, budget)
    asked = [budget * case["weeks"] for case in cases]
    counts = [case["alarms"][method][place] for case in cases]
    bounds = [poisson_bounds(mean) for mean in asked]
    within = np.mean([low <= count <= high for count, (low, high) in zip(counts, bounds, strict=True)])
    two = np.mean([0.5 <= ratio <= 2 for ratio in found])
    return [
        f"{budget:g}",
        method,
        str(len(cases)),
        f"{np.median(found):.2f}",
        f"{sum(counts) / sum(asked):.2f}",
        f"{within:.0%}",
        f"{two:.0%}",
    ]


def _each(budgets: Sequence[float], streams: Sequence[Found]) -> str:
    """Ours, stream by stream: counts with the Poisson bounds of what was asked."""
    head = ["stream", "weeks", "clusters", *(f"{budget:g} a week" for budget in budgets)]
    rows = []
    for stream in streams:
        ours = next(iter(stream["alarms"].values()))
        cells = []
        for budget, count, beyond in zip(budgets, ours, stream["extrapolated"], strict=True):
            low, high = poisson_bounds(budget * stream["weeks"])
            cells.append(f"{count} ({low}-{high}){' *' if beyond else ''}")
        weeks = f"{stream['calibration_weeks']:.2f} + {stream['weeks']:.2f}"
        rows.append([stream["name"], weeks, str(stream["clusters"]), *cells])
    note = "\nAlarms, and in brackets the Poisson bounds; weeks of calibration + test; * extrapolated.\n"
    return table(head, rows) + note
