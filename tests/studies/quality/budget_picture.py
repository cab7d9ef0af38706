"""The picture of the budget: false alarms over the alarm budget, both logarithmic."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.studies.quality.budget_table import poisson_bounds

_OURS = "tfstream"
_STYLES = {
    _OURS: ("#0b6bcb", "o"),
    "SPOT": ("#d9480f", "s"),
    "DSPOT": ("#a61e4d", "D"),
    "dynamic threshold": ("#6741d9", "^"),
    "plain quantile": ("#5c6b2f", "v"),
}
_LEAST = 0.04  # zero alarms are drawn at this value


def draw(figures: Mapping[str, Any], path: Path) -> None:
    """One panel for the streams, one for the simulated scores, as SVG."""
    mpl.rcParams["svg.hashsalt"] = "tfstream"  # makes the bytes of the file reproducible
    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _panel(left, figures["budgets"], figures["streams"], "streams with a detector")
    _panel(right, figures["budgets"], figures["sequences"], "simulated scores, calibration alone")
    left.set_ylabel("false alarms a week (lowest line: none)")
    right.legend(loc="upper left", fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def _panel(axes: Axes, budgets: list[float], cases: list[dict[str, Any]], title: str) -> None:
    weeks = float(np.median([case["weeks"] for case in cases]))
    _bounds(axes, weeks)
    rng = np.random.default_rng(0)
    for method, (color, marker) in _STYLES.items():
        realised = np.array([np.array(case["alarms"][method]) / case["weeks"] for case in cases])
        pooled = np.sum([case["alarms"][method] for case in cases], axis=0) / sum(c["weeks"] for c in cases)
        if method == _OURS:
            positions = budgets * np.exp(rng.uniform(-0.15, 0.15, realised.shape))
            axes.scatter(positions, np.maximum(realised, _LEAST), s=9, color=color, alpha=0.35, linewidths=0)
        width = 2.2 if method == _OURS else 1.2
        axes.plot(
            budgets, np.maximum(pooled, _LEAST), marker=marker, color=color, linewidth=width, label=method
        )
    axes.set(xscale="log", yscale="log", xlabel="alarm budget a week", title=f"{len(cases)} {title}")
    axes.set_ylim(_LEAST * 0.8, 100)
    axes.set_xticks(budgets, [f"{budget:g}" for budget in budgets])
    axes.minorticks_off()
    axes.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
    axes.grid(alpha=0.25)


def _bounds(axes: Axes, weeks: float) -> None:
    """The alarms that one stream may raise by chance in so many weeks when the budget holds."""
    budget = np.geomspace(0.2, 25, 60)
    bounds = np.array([poisson_bounds(float(mean)) for mean in budget * weeks]) / weeks
    low, high = np.maximum(bounds[:, 0], _LEAST), bounds[:, 1]
    axes.fill_between(budget, low, high, color="#888", alpha=0.18, linewidth=0, label="95 % of one stream")
    axes.plot(budget, budget, color="#555", linewidth=0.8, linestyle="--", label="equal to the budget")
