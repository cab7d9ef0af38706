"""Affiliation precision and recall: how close alarms are to events, and events to alarms, as a probability.

Huet, Navarro and Rossi, "Local Evaluation of Time Series Anomaly Detection Algorithms", KDD 2022. The series
is cut into one zone for each event, half way between neighbours. In its zone the precision is the mean, over
the predicted rows, of the probability that a row drawn at random from the zone lies no nearer to the event;
the recall is the mean, over the event's rows, of the probability that a random row lies no nearer to them
than the nearest predicted one. Both are then averaged over the events: precision over those with a prediction
in their zone, recall over all.

Long zones make the measure generous: where events are rare, an alarm anywhere near an event is worth almost
1, and a random alarm about a half. Always compare it with :func:`affiliation_by_chance`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.quality.ranges import Labels, ranges_of

_ROTATIONS = 64  # of the alarms, to measure what chance gives

Points = NDArray[np.float64]


class Affiliation(NamedTuple):
    """``precision`` is NaN without a prediction, and ``f`` is 0 then; all are NaN without an event."""

    precision: float
    recall: float

    @property
    def f(self) -> float:
        """The harmonic mean of precision and recall."""
        if np.isnan(self.recall):
            return float("nan")
        both = np.nan_to_num(self.precision) + self.recall
        return float(2 * np.nan_to_num(self.precision) * self.recall / both) if both > 0 else 0.0


class _Zone(NamedTuple):
    """An event ``[start, stop]`` and its zone ``[low, high]``: the points that are closest to this event."""

    start: float
    stop: float
    low: float
    high: float


def affiliation(alarmed: Labels, anomalous: Labels) -> Affiliation:
    """Affiliation of ``alarmed [rows]`` with ``anomalous [rows]``; NaN without an event.

    :raises ValueError: when their shapes differ.
    """
    if alarmed.shape != anomalous.shape:
        raise ValueError(f"alarms have the shape {alarmed.shape} and labels {anomalous.shape}")
    zones = _zones(anomalous)
    if not zones:
        return Affiliation(float("nan"), float("nan"))
    predicted = np.stack(ranges_of(alarmed), axis=1).astype(np.float64)  # [alarms, 2]
    inside = [(zone, _within(predicted, zone.low, zone.high)) for zone in zones]
    precisions = [_precision(parts, zone) for zone, parts in inside if len(parts)]
    recalls = [_recall(parts, zone) if len(parts) else 0.0 for zone, parts in inside]
    return Affiliation(float(np.mean(precisions)) if precisions else float("nan"), float(np.mean(recalls)))


def affiliation_by_chance(alarmed: Labels, anomalous: Labels) -> Affiliation:
    """What alarms of the same number and lengths get at random places: the mean over 64 rotations."""
    steps = np.linspace(0, len(alarmed), _ROTATIONS, endpoint=False).astype(np.int64)
    rotated = np.array([affiliation(np.roll(alarmed, step), anomalous) for step in steps])
    known = rotated[np.isfinite(rotated[:, 0]), 0]
    return Affiliation(float(known.mean()) if len(known) else float("nan"), float(rotated[:, 1].mean()))


def _zones(anomalous: Labels) -> list[_Zone]:
    first, stop = ranges_of(anomalous)
    if not len(first):
        return []
    between = (stop[:-1] + first[1:]) / 2
    edges = np.concatenate([[0.0], between, [float(len(anomalous))]])
    return [_Zone(*map(float, zone)) for zone in zip(first, stop, edges[:-1], edges[1:], strict=True)]


def _within(ranges: Points, low: float, high: float) -> Points:
    """The ranges ``[n, 2]`` cut to ``[low, high]``; those outside are dropped."""
    cut = np.clip(ranges, low, high)
    return cut[cut[:, 0] < cut[:, 1]]


def _precision(parts: Points, zone: _Zone) -> float:
    """The precision in a zone: the mean over its predicted parts ``[n, 2]``."""
    within = _within(parts, zone.start, zone.stop)
    total = float(np.sum(within[:, 1] - within[:, 0]))
    mirror = zone.start + zone.stop  # the slope changes where the distance reaches the other end of the zone
    for low, high, bend in (
        (zone.low, zone.start, mirror - zone.high),
        (zone.stop, zone.high, mirror - zone.low),
    ):
        beside = _within(parts, low, high)
        middle = np.clip(bend, beside[:, :1], beside[:, 1:])
        points = np.concatenate([beside[:, :1], middle, beside[:, 1:]], axis=1)  # [n, 3]
        total += float(np.trapezoid(_no_nearer_to_event(points, zone), points, axis=1).sum())
    return total / float(np.sum(parts[:, 1] - parts[:, 0]))


def _no_nearer_to_event(points: Points, zone: _Zone) -> Points:
    """How likely a random point of the zone lies no nearer to the event; piecewise linear in ``points``."""
    distance = np.maximum(zone.start - points, points - zone.stop)
    nearer = np.minimum(zone.stop + distance, zone.high) - np.maximum(zone.start - distance, zone.low)
    return 1 - nearer / (zone.high - zone.low)


def _recall(parts: Points, zone: _Zone) -> float:
    """The recall in a zone: the mean over the event of a piecewise linear function, bend by bend."""
    starts, stops = parts[:, 0], parts[:, 1]
    bends = [starts, stops, (stops[:-1] + starts[1:]) / 2, (starts + zone.low) / 2, (stops + zone.high) / 2]
    points = np.unique(np.clip(np.concatenate(bends), zone.start, zone.stop))
    points = np.unique(np.concatenate([points, [zone.start, zone.stop]]))
    distance = np.maximum(starts[:, None] - points, points - stops[:, None]).clip(min=0).min(axis=0)
    nearer = np.minimum(points + distance, zone.high) - np.maximum(points - distance, zone.low)
    probability = 1 - nearer / (zone.high - zone.low)
    return float(np.trapezoid(probability, points)) / (zone.stop - zone.start)
