"""The picture of the month: the episodes of each waterworks, and the exam of each night's champion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tests.studies.month.simulated_month import MonthEventKind

_EVENT_COLORS = {
    MonthEventKind.MAINTENANCE: "#adb5bd",
    MonthEventKind.SHIFT: "#74c0fc",
    MonthEventKind.LONG: "#ffa94d",
    MonthEventKind.SHORT: "#ff8787",
}
_CAUSED, _FALSE = "#1864ab", "#e03131"
_RUNS = {"gated": ("with the gate", "#0b6bcb"), "control": ("without", "#d9480f")}


def draw(figures: Mapping[str, Any], path: Path) -> None:
    """Draw as SVG; the same figures give the same bytes."""
    mpl.rcParams["svg.hashsalt"] = "tfstream"
    figure = Figure(figsize=(11, 8), layout="constrained")
    axes = figure.subplots(4, 1, sharex=True, height_ratios=(1.1, 1.1, 1.4, 1.4))
    for ax, name in zip(axes, _RUNS, strict=False):
        _alarms(ax, figures["happenings"], figures["runs"][name]["episodes"], _RUNS[name][0])
    _nights(axes[2], figures["runs"], "found", "faults of the exam detected")
    _nights(axes[3], figures["runs"], "false", "false alarms of the exam")
    axes[3].set_xlabel("day of the month")
    axes[0].legend(handles=_legend(), loc="upper center", bbox_to_anchor=(0.5, 1.45), ncols=6, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def _legend() -> list[Patch]:
    events = [Patch(color=color, alpha=0.5, label=str(sort)) for sort, color in _EVENT_COLORS.items()]
    return [*events, Patch(color=_CAUSED, label="episode"), Patch(color=_FALSE, label="false alarm")]


def _alarms(
    ax: Axes, events: Sequence[Mapping[str, Any]], episodes: Sequence[Mapping[str, Any]], title: str
) -> None:
    assets = sorted({span["asset"] for span in (*events, *episodes)})
    for event in events:
        row, width = assets.index(event["asset"]), event["to_day"] - event["from_day"]
        color = _EVENT_COLORS[MonthEventKind(event["sort"])]
        ax.barh(row, width, left=event["from_day"], height=0.8, color=color, alpha=0.5)
    for episode in episodes:
        row, width = assets.index(episode["asset"]), max(episode["to_day"] - episode["from_day"], 0.06)
        color = _CAUSED if episode["causes"] else _FALSE
        ax.barh(row, width, left=episode["from_day"], height=0.35, color=color)
    ax.set_yticks(range(len(assets)), assets)
    ax.set_title(f"episodes, {title}", loc="left", fontsize=10)


def _nights(ax: Axes, runs: Mapping[str, Any], value: str, title: str) -> None:
    for name, (label, color) in _RUNS.items():
        nights = runs[name]["nights"]
        days = [night["night"] for night in nights]
        ax.step(days, [night[value] for night in nights], where="post", color=color, label=label)
        rejected = [night for night in nights if not night["promoted"]]
        days = [night["night"] for night in rejected]
        ax.plot(days, [night[value] for night in rejected], "x", color=color)
    ax.set_title(f"{title} by the champion of each night (x: rejected)", loc="left", fontsize=10)
    ax.grid(alpha=0.25)
    ax.legend(fontsize=8)
