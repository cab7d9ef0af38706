"""The budget's tables: ratios of false alarms to the budget, and the share within Poisson bounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tests.studies.markdown import table
from tfstream.core.alarms.poisson import at_most

_BOUNDS = 0.95

_READING = """
The ratio is the number of alarms divided by the budget: its median over the streams, and the ratio of all
alarms to the budget of all streams. *Within bounds*: the share of streams whose count lies in the central
95 % of the Poisson distribution with the budget as its mean; *within two*: the share whose ratio is between
0.5 and 2. *Extrapolated*: the calibration data would contain fewer than two alarms at this budget. The
dynamic threshold has no budget. SPOT and DSPOT continue to learn from the scores that they are tested on; the
other methods do not. In the picture the lines are all alarms divided by all weeks; the points are tfstream on
single streams.""".strip()

BudgetFigures = Mapping[str, Any]


def render(figures: BudgetFigures) -> str:
    """The section of ``docs/quality.md``: the methods by budget, then each stream."""
    streams, sequences = figures["streams"], figures["sequences"]
    groups = {
        "Streams with a detector": streams,
        "Simulated scores, calibration alone": sequences,
    }
    parts = [
        "## False alarms and the alarm budget\n",
        f"{len(streams)} streams without an anomaly, a row a minute: alarms on the rows after training.\n"
        f"{len(sequences)} simulated sequences of scores, for the calibration alone.\n"
        f"{_READING}\n",
        "![alarm budget and false alarms](quality/budget.svg)\n",
    ]
    for title, cases in groups.items():
        for extrapolated in (False, True):
            name = "extrapolated" if extrapolated else "within the calibration data"
            parts += [f"### {title}, {name}\n", _by_method(figures["budgets"], cases, extrapolated)]
    return "\n".join([*parts, "### Each stream\n", _by_stream(figures["budgets"], streams)])


def ratios(cases: Iterable[BudgetFigures], method: str, budget_index: int, budget: float) -> list[float]:
    """Alarms divided by the budget."""
    return [case["alarms"][method][budget_index] / (budget * case["weeks"]) for case in cases]


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


def _by_method(budgets: Sequence[float], cases: Sequence[BudgetFigures], extrapolated: bool) -> str:
    rows = []
    for budget_index, budget in enumerate(budgets):
        chosen = [case for case in cases if case["extrapolated"][budget_index] == extrapolated]
        if chosen:
            rows += [_row(chosen, method, budget_index, budget) for method in chosen[0]["alarms"]]
    if not rows:
        return "None.\n"
    head = ["budget a week", "method", "streams", "median ratio", "all alarms", "within bounds", "within two"]
    return table(head, rows)


def _row(cases: Sequence[BudgetFigures], method: str, budget_index: int, budget: float) -> list[str]:
    method_ratios = ratios(cases, method, budget_index, budget)
    budgeted = [budget * case["weeks"] for case in cases]
    counts = [case["alarms"][method][budget_index] for case in cases]
    bounds = [poisson_bounds(mean) for mean in budgeted]
    within_bounds = np.mean([low <= count <= high for count, (low, high) in zip(counts, bounds, strict=True)])
    within_two = np.mean([0.5 <= ratio <= 2 for ratio in method_ratios])
    return [
        f"{budget:g}",
        method,
        str(len(cases)),
        f"{np.median(method_ratios):.2f}",
        f"{sum(counts) / sum(budgeted):.2f}",
        f"{within_bounds:.0%}",
        f"{within_two:.0%}",
    ]


def _by_stream(budgets: Sequence[float], streams: Sequence[BudgetFigures]) -> str:
    """tfstream on each stream: alarms with the Poisson bounds of the budget."""
    head = ["stream", "weeks", "clusters", *(f"{budget:g} a week" for budget in budgets)]
    rows = []
    for stream in streams:
        tfstream_alarms = next(iter(stream["alarms"].values()))
        cells = []
        for budget, count, is_extrapolated in zip(
            budgets, tfstream_alarms, stream["extrapolated"], strict=True
        ):
            low, high = poisson_bounds(budget * stream["weeks"])
            cells.append(f"{count} ({low}-{high}){' *' if is_extrapolated else ''}")
        weeks = f"{stream['calibration_weeks']:.2f} + {stream['weeks']:.2f}"
        rows.append([stream["name"], weeks, str(stream["clusters"]), *cells])
    note = "\nAlarms, with the Poisson bounds in brackets; weeks of calibration + test; * extrapolated.\n"
    return table(head, rows) + note
