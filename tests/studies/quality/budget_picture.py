"""The picture of the budget: alarms asked for and realised, both logarithmic."""

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
_LEAST = 0.04  # where no alarm at all is drawn


def draw(found: Mapping[str, Any], path: Path) -> None:
    """One panel for the streams, one for the simulated scores, as SVG."""
    mpl.rcParams["svg.hashsalt"] = "tfstream"  # the same figures give the same bytes
    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _panel(left, found["budgets"], found["streams"], "streams through the detector")
    _panel(right, found["budgets"], found["sequences"], "simulated scores, the calibration alone")
    left.set_ylabel("realised a week (the lowest line: none)")
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
            place = budgets * np.exp(rng.uniform(-0.15, 0.15, realised.shape))
            axes.scatter(place, np.maximum(realised, _LEAST), s=9, color=color, alpha=0.35, linewidths=0)
        width = 2.2 if method == _OURS else 1.2
        axes.plot(
            budgets, np.maximum(pooled, _LEAST), marker=marker, color=color, linewidth=width, label=method
        )
    axes.set(xscale="log", yscale="log", xlabel="asked a week", title=f"{len(cases)} {title}")
    axes.set_ylim(_LEAST * 0.8, 100)
    axes.set_xticks(budgets, [f"{budget:g}" for budget in budgets])
    axes.minorticks_off()
    axes.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
    axes.grid(alpha=0.25)


def _bounds(axes: Axes, weeks: float) -> None:
    """What one stream may show by chance in so many weeks, when the budget is kept."""
    asked = np.geomspace(0.2, 25, 60)
    bounds = np.array([poisson_bounds(float(mean)) for mean in asked * weeks]) / weeks
    low, high = np.maximum(bounds[:, 0], _LEAST), bounds[:, 1]
    axes.fill_between(asked, low, high, color="#888", alpha=0.18, linewidth=0, label="95 % of one stream")
    axes.plot(asked, asked, color="#555", linewidth=0.8, linestyle="--", label="as asked")
