"""Small charts as inline SVG: shapes stretch with the page, labels beside them keep their size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Times

Numbers = NDArray[np.floating]
_WIDTH, _HEIGHT = 1000.0, 100.0  # the drawing's own units; the page's are set in page.css
_MOST_POINTS = 1200
_HOUR_US = 3_600_000_000
_STEPS_US = tuple(_HOUR_US * minutes // 60 for minutes in (5, 10, 15, 30, 60, 120, 180, 360, 720, 1440))


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartLine:
    """A curve; NaN breaks it. ``style`` is a class of ``page.css``: line, guess or limit."""

    times_us: Times
    values: Numbers
    style: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartBand:
    """A span of time: ``truth`` behind the curves, ``alarm`` as a bar on the floor; ``title`` on hover."""

    start_us: int
    end_us: int
    title: str
    style: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartFrame:
    """From event time and value to the drawing."""

    first_us: int
    last_us: int
    low: float
    high: float

    def x(self, times_us: Numbers | Times) -> NDArray[np.float64]:
        along = (np.asarray(times_us, np.float64) - self.first_us) / max(self.last_us - self.first_us, 1)
        return np.clip(along, 0.0, 1.0) * _WIDTH

    def y(self, values: Numbers) -> NDArray[np.float64]:
        up = (np.asarray(values, np.float64) - self.low) / (self.high - self.low)
        return (1.0 - np.clip(up, 0.0, 1.0)) * _HEIGHT


def clock(time_us: int, *, day: bool = False) -> str:
    """Hours and minutes UTC, with the date where asked."""
    moment = datetime.fromtimestamp(time_us / 1e6, UTC)
    return moment.strftime("%d %b %H:%M" if day else "%H:%M")


def draw(
    frame: ChartFrame,
    lines: Iterable[ChartLine],
    bands: Sequence[ChartBand] = (),
    *,
    marks: Sequence[tuple[float, str]],
    hover: Sequence[tuple[int, int, str]] = (),
    size: str,
    label: str,
) -> str:
    """A chart. ``marks``: (value, text) on the y-axis; ``hover``: (from, to, text) under the pointer."""
    inside = [
        *(_rule(frame, value) for value, _ in marks),
        *(_band(frame, band) for band in bands if band.style == "truth"),
        *(_curve(frame, line) for line in lines),
        *(_target(frame, *each) for each in hover),
        *(_band(frame, band) for band in bands if band.style != "truth"),
    ]
    labels = [
        *_times(frame, most=9 if size == "tall" else 5),
        *(_value(frame, value, text) for value, text in marks),
    ]
    return (
        f'<div class="chart {size}"><svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" preserveAspectRatio="none" '
        f'role="img" aria-label="{escape(label)}">{"".join(inside)}</svg>{"".join(labels)}</div>'
    )


def span_of_values(curves: Iterable[Numbers]) -> tuple[float, float]:
    """The lowest and highest finite value, with some air around them."""
    finite = np.concatenate([np.asarray(curve, np.float64)[np.isfinite(curve)] for curve in curves])
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    air = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
    return low - air, high + air


def thinned(times_us: Times, values: Numbers) -> tuple[Times, Numbers]:
    """At most as many points as a page can show, each the highest of its share."""
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
    top, height = (_HEIGHT - 6.0, 6.0) if band.style == "alarm" else (0.0, _HEIGHT)
    return _rectangle(left, max(right - left, 3.0), top, height, band.style, band.title)


def _target(frame: ChartFrame, start_us: int, end_us: int, title: str) -> str:
    left, right = frame.x(np.array([start_us, end_us]))
    return _rectangle(left, right - left, 0.0, _HEIGHT, "hover", title)


def _rectangle(left: float, width: float, top: float, height: float, style: str, title: str) -> str:
    return (
        f'<rect class="{style}" x="{left:.1f}" y="{top:g}" width="{width:.1f}" height="{height:g}">'
        f"<title>{escape(title)}</title></rect>"
    )


def _rule(frame: ChartFrame, value: float) -> str:
    (y,) = frame.y(np.array([value]))
    return f'<path class="grid" d="M0 {y:.1f}H{_WIDTH:g}"/>'


def _value(frame: ChartFrame, value: float, text: str) -> str:
    (y,) = frame.y(np.array([value]))
    return f'<span class="y" style="top:{y:.1f}%">{escape(text)}</span>'


def _times(frame: ChartFrame, most: int) -> list[str]:
    """Labels on round times, every other one left out on a narrow page."""
    step = next((s for s in _STEPS_US if (frame.last_us - frame.first_us) / s <= most), _STEPS_US[-1])
    ticks = range(math.ceil(frame.first_us / step) * step, frame.last_us + 1, step)
    return [_time(frame, tick, "" if i % 2 == 0 else " minor") for i, tick in enumerate(ticks)]


def _time(frame: ChartFrame, tick: int, style: str) -> str:
    left = float(frame.x(np.array([tick]))[0]) / 10.0
    edge = " first" if left < 2.0 else " last" if left > 98.0 else ""
    return f'<span class="x{style}{edge}" style="left:{left:.2f}%">{clock(tick)}</span>'
