"""The month as a picture: what was raised at each works, and what the champion of each night can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tests.studies.month.simulated_month import MonthEventKind

_TRUTH = {
    MonthEventKind.MAINTENANCE: "#adb5bd",
    MonthEventKind.SHIFT: "#74c0fc",
    MonthEventKind.LONG: "#ffa94d",
    MonthEventKind.SHORT: "#ff8787",
}
_CAUSED, _FALSE = "#1864ab", "#e03131"
_RUNS = {"gated": ("with the gate", "#0b6bcb"), "control": ("without", "#d9480f")}


def draw(found: Mapping[str, Any], path: Path) -> None:
    """As SVG; the same figures give the same bytes."""
    mpl.rcParams["svg.hashsalt"] = "tfstream"
    figure = Figure(figsize=(11, 8), layout="constrained")
    axes = figure.subplots(4, 1, sharex=True, height_ratios=(1.1, 1.1, 1.4, 1.4))
    for ax, name in zip(axes, _RUNS, strict=False):
        _alarms(ax, found["happenings"], found["runs"][name]["episodes"], _RUNS[name][0])
    _nights(axes[2], found["runs"], "found", "faults of the exam found")
    _nights(axes[3], found["runs"], "false", "false alarms of the exam")
    axes[3].set_xlabel("day of the month")
    axes[0].legend(handles=_legend(), loc="upper center", bbox_to_anchor=(0.5, 1.45), ncols=6, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def _legend() -> list[Patch]:
    truth = [Patch(color=color, alpha=0.5, label=str(sort)) for sort, color in _TRUTH.items()]
    return [*truth, Patch(color=_CAUSED, label="episode"), Patch(color=_FALSE, label="false alarm")]


def _alarms(
    ax: Axes, events: Sequence[Mapping[str, Any]], episodes: Sequence[Mapping[str, Any]], title: str
) -> None:
    assets = sorted({one["asset"] for one in (*events, *episodes)})
    for one in events:
        place = assets.index(one["asset"])
        ax.barh(place, one["to_day"] - one["from_day"], left=one["from_day"], height=0.8,
                color=_TRUTH[MonthEventKind(one["sort"])], alpha=0.5)  # fmt: skip
    for one in episodes:
        place, width = assets.index(one["asset"]), max(one["to_day"] - one["from_day"], 0.06)
        ax.barh(place, width, left=one["from_day"], height=0.35, color=_CAUSED if one["causes"] else _FALSE)
    ax.set_yticks(range(len(assets)), assets)
    ax.set_title(f"episodes, {title}", loc="left", fontsize=10)


def _nights(ax: Axes, runs: Mapping[str, Any], what: str, title: str) -> None:
    for name, (label, color) in _RUNS.items():
        nights = runs[name]["nights"]
        days = [one["night"] for one in nights]
        ax.step(days, [one[what] for one in nights], where="post", color=color, label=label)
        kept = [one for one in nights if not one["promoted"]]
        ax.plot([one["night"] for one in kept], [one[what] for one in kept], "x", color=color)
    ax.set_title(f"{title} by the champion of each night (x: rejected)", loc="left", fontsize=10)
    ax.grid(alpha=0.25)
    ax.legend(fontsize=8)
