"""Line charts over event time as inline SVG.

The drawing stretches to the width of the page. The axis labels are HTML beside it and keep their size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Times

Numbers = NDArray[np.floating]
LineStyle = Literal["line", "expected", "limit"]  # classes of page.css, as are the next two
BandStyle = Literal["highlight", "alarm"]
ChartSize = Literal["tall", "small"]

_WIDTH, _HEIGHT = 1000.0, 100.0  # the SVG's own units; page.css sets the size on the page
_MOST_POINTS = 1200
_ALARM_HEIGHT = 6.0
_NARROWEST_BAND = 3.0
_HOUR_US = 3_600_000_000
_STEPS_US = tuple(_HOUR_US * minutes // 60 for minutes in (5, 10, 15, 30, 60, 120, 180, 360, 720, 1440))


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartLine:
    """A curve with one value per time; NaN interrupts it."""

    times_us: Times
    values: Numbers
    style: LineStyle


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartBand:
    """A span of event time with a tooltip.

    ``highlight`` fills the height of the chart behind the curves; ``alarm`` is a bar at the bottom.
    """

    start_us: int
    end_us: int
    title: str
    style: BandStyle


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartTooltip:
    """A text that shows while the pointer is over a span of event time."""

    start_us: int
    end_us: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartFrame:
    """The ranges of both axes; converts event times and values to SVG coordinates."""

    first_us: int
    last_us: int
    low: float
    high: float

    def x(self, times_us: Numbers | Times) -> NDArray[np.float64]:
        """Return the horizontal SVG coordinates, clipped to the drawing."""
        along = (np.asarray(times_us, np.float64) - self.first_us) / max(self.last_us - self.first_us, 1)
        return np.clip(along, 0.0, 1.0) * _WIDTH

    def y(self, values: Numbers) -> NDArray[np.float64]:
        """Return the vertical SVG coordinates (0 is the top), clipped to the drawing."""
        up = (np.asarray(values, np.float64) - self.low) / (self.high - self.low)
        return (1.0 - np.clip(up, 0.0, 1.0)) * _HEIGHT


def draw_chart(
    frame: ChartFrame,
    lines: Iterable[ChartLine],
    bands: Sequence[ChartBand] = (),
    *,
    y_labels: Sequence[tuple[float, str]],
    tooltips: Sequence[ChartTooltip] = (),
    size: ChartSize,
    label: str,
) -> str:
    """Return a chart as HTML.

    :param y_labels: (value, text): each gets a grid line and a label on the y-axis.
    :param label: what the chart shows, for screen readers.
    """
    # Later elements cover earlier elements, and the pointer sees only the topmost.
    shapes = [
        *(_grid_line(frame, value) for value, _ in y_labels),
        *(_band(frame, band) for band in bands if band.style == "highlight"),
        *(_curve(frame, line) for line in lines),
        *(_tooltip(frame, tooltip) for tooltip in tooltips),
        *(_band(frame, band) for band in bands if band.style == "alarm"),
    ]
    labels = [
        *_time_labels(frame, most=9 if size == "tall" else 5),
        *(_value_label(frame, value, text) for value, text in y_labels),
    ]
    return (
        f'<div class="chart {size}"><svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" preserveAspectRatio="none" '
        f'role="img" aria-label="{escape(label)}">{"".join(shapes)}</svg>{"".join(labels)}</div>'
    )


def format_time(time_us: int, *, date: bool = False) -> str:
    """Return hours and minutes in UTC, after day and month when ``date`` is set."""
    moment = datetime.fromtimestamp(time_us / 1e6, UTC)
    return moment.strftime("%d %b %H:%M" if date else "%H:%M")


def value_range(curves: Iterable[Numbers]) -> tuple[float, float]:
    """Return the lowest and highest finite value of all curves, with a margin; never an empty range."""
    finite = np.concatenate([np.asarray(curve, np.float64)[np.isfinite(curve)] for curve in curves])
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    margin = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
    return low - margin, high + margin


def downsample(times_us: Times, values: Numbers) -> tuple[Times, Numbers]:
    """Return at most 1,200 points: the first time and the highest value of each group of neighbours."""
    if len(values) <= _MOST_POINTS:
        return times_us, values
    starts = np.linspace(0, len(values), _MOST_POINTS, endpoint=False).astype(np.int64)
    return times_us[starts], np.fmax.reduceat(values, starts)


def _curve(frame: ChartFrame, line: ChartLine) -> str:
    xs, ys = frame.x(line.times_us), frame.y(line.values)
    known = np.isfinite(line.values)
    steps = [
        f"{'L' if known[i] and i and known[i - 1] else 'M'}{x:.1f} {y:.1f}"
        for i, (x, y) in enumerate(zip(xs, ys, strict=True))
        if known[i]
    ]
    return f'<path class="{line.style}" d="{"".join(steps)}"/>' if steps else ""


def _band(frame: ChartFrame, band: ChartBand) -> str:
    left, right = frame.x(np.array([band.start_us, band.end_us]))
    height = _ALARM_HEIGHT if band.style == "alarm" else _HEIGHT
    return _rectangle(
        left, max(right - left, _NARROWEST_BAND), height=height, style=band.style, title=band.title
    )


def _tooltip(frame: ChartFrame, tooltip: ChartTooltip) -> str:
    left, right = frame.x(np.array([tooltip.start_us, tooltip.end_us]))
    return _rectangle(left, right - left, height=_HEIGHT, style="hover", title=tooltip.text)


def _rectangle(left: float, width: float, *, height: float, style: str, title: str) -> str:
    """A rectangle that stands on the bottom of the drawing."""
    return (
        f'<rect class="{style}" x="{left:.1f}" y="{_HEIGHT - height:g}" width="{width:.1f}" '
        f'height="{height:g}"><title>{escape(title)}</title></rect>'
    )


def _grid_line(frame: ChartFrame, value: float) -> str:
    (y,) = frame.y(np.array([value]))
    return f'<path class="grid" d="M0 {y:.1f}H{_WIDTH:g}"/>'


def _value_label(frame: ChartFrame, value: float, text: str) -> str:
    (y,) = frame.y(np.array([value]))
    return f'<span class="y" style="top:{y:.1f}%">{escape(text)}</span>'


def _time_labels(frame: ChartFrame, most: int) -> list[str]:
    """Labels at round times; a narrow page hides every second label."""
    step = next((s for s in _STEPS_US if (frame.last_us - frame.first_us) / s <= most), _STEPS_US[-1])
    ticks = range(math.ceil(frame.first_us / step) * step, frame.last_us + 1, step)
    return [_time_label(frame, tick, "" if i % 2 == 0 else " minor") for i, tick in enumerate(ticks)]


def _time_label(frame: ChartFrame, tick: int, style: str) -> str:
    left = float(frame.x(np.array([tick]))[0]) / 10.0
    edge = " first" if left < 2.0 else " last" if left > 98.0 else ""
    return f'<span class="x{style}{edge}" style="left:{left:.2f}%">{format_time(tick)}</span>'
