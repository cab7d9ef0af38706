"""VUS-PR and VUS-ROC: areas under the curves, averaged over the tolerance around the events.

Paparrizos, Boniol, Palpanas, Tsay, Elmore and Franklin, "Volume Under the Surface: A New Accuracy Evaluation
Measure for Time-Series Anomaly Detection", PVLDB 15(11), 2022. For every buffer length w from 0 to the
window, each event is extended by w // 2 rows on both sides with labels ``sqrt(1 - d / w)`` that fall with the
distance d. A threshold then has

    precision = TP / predicted rows
    recall    = min(1, TP / ((P + P_w) / 2)) * share of the extended events that are touched

with TP the sum of the extended labels of the predicted rows, P the labelled rows, and P_w the labelled rows
plus the extended labels of the predicted rows. These are the numbers of TSB-AD's ``RangeAUC_volume_opt``
with its 250 thresholds at evenly spaced ranks. The computation differs: a row counts from the first threshold
that it reaches, so every sum is a running total over the thresholds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.quality.ranges import Labels, Ranges, Scores, checked, ranges_of

THRESHOLDS = 250
_CHUNK = 8192  # rows whose extended labels are held at once

Ranks = NDArray[np.int64]


class Volume(NamedTuple):
    """VUS-PR and VUS-ROC; NaN without an anomalous row, or without a normal row."""

    pr: float
    roc: float


def volume(scores: NDArray[np.floating], labels: NDArray[np.generic], window: int) -> Volume:
    """The volumes of ``scores [rows]`` against ``labels [rows]``.

    :param scores: larger is more anomalous.
    :param labels: anything but 0 is anomalous.
    :param window: the longest buffer in rows; by convention the period of the series (:mod:`.period`).
    :raises ValueError: when the shapes differ, a score is not finite, or the window is negative.
    """
    values, anomalous = checked(scores, labels)
    if window < 0:
        raise ValueError(f"the window is {window} rows; it cannot be negative")
    if not anomalous.any() or anomalous.all():
        return Volume(float("nan"), float("nan"))
    events = ranges_of(anomalous)
    rank = _first_reached(values)
    predicted = np.cumsum(np.bincount(rank, minlength=THRESHOLDS))
    inside = np.cumsum(np.bincount(rank[anomalous], minlength=THRESHOLDS))
    around = np.cumsum(_extended(events, rank, anomalous, window), axis=1)
    halves = np.stack([_touched(events, rank, half) for half in range(window // 2 + 1)])
    return _areas(
        hits=inside + around,
        positives=anomalous.sum() + around / 2,
        predicted=predicted.astype(np.float64),
        touched=np.repeat(halves, 2, axis=0)[: window + 1],
        rows=len(values),
    )


def _first_reached(scores: Scores) -> Ranks:
    """The first of the thresholds, highest first, that each row reaches: ``[rows]``."""
    descending = -np.sort(-scores)
    thresholds = descending[np.linspace(0, len(scores) - 1, THRESHOLDS).astype(np.int64)]
    return np.searchsorted(-thresholds, -scores, side="left").astype(np.int64)


def _extended(events: Ranges, rank: Ranks, anomalous: Labels, window: int) -> Scores:
    """Extended labels beside the events, summed by the first threshold of each row: ``[buffers, 250]``."""
    sums = np.zeros((window + 1, THRESHOLDS))
    row, distance = _neighbours(events, anomalous, window // 2)
    falling = _falling(window)  # [buffers, distances]
    order = np.lexsort((row, rank[row]))
    row, distance = row[order], distance[order]
    starts = np.flatnonzero(np.diff(row, prepend=-1))  # each row beside an event, once
    for at in range(0, len(starts), _CHUNK):
        part = slice(starts[at], starts[at + _CHUNK] if at + _CHUNK < len(starts) else len(row))
        first = np.diff(row[part], prepend=-1) != 0
        times = np.zeros((window // 2, int(first.sum())))  # how often a row has an event at each distance
        np.add.at(times, (distance[part] - 1, np.cumsum(first) - 1), 1.0)
        labels = np.minimum(falling @ times, 1.0)  # [buffers, rows]
        reached = rank[row[part][first]]
        runs = np.flatnonzero(np.diff(reached, prepend=-1))
        sums[:, reached[runs]] += np.add.reduceat(labels, runs, axis=1)
    return sums


def _neighbours(events: Ranges, anomalous: Labels, reach: int) -> tuple[Ranks, Ranks]:
    """Normal rows up to ``reach`` rows from an event, and their distances; repeated for each event."""
    away = np.arange(1, reach + 1)
    rows = np.concatenate([events.stop[:, None] - 1 + away, events.first[:, None] - away]).ravel()
    distances = np.tile(away, 2 * len(events.first))
    inside = (rows >= 0) & (rows < len(anomalous))
    rows, distances = rows[inside], distances[inside]
    normal = ~anomalous[rows]
    return rows[normal], distances[normal]


def _falling(window: int) -> Scores:
    """``sqrt(1 - d / w)`` for every buffer w and the distances d up to w // 2: ``[buffers, distances]``."""
    buffer = np.arange(window + 1)[:, None]
    distance = np.arange(1, window // 2 + 1)
    share = 1 - distance / np.maximum(buffer, 1)
    return np.where(distance <= buffer // 2, np.sqrt(np.maximum(share, 0.0)), 0.0)


def _touched(events: Ranges, rank: Ranks, half: int) -> Scores:
    """The share of the events, extended by ``half`` rows, that each threshold touches: ``[thresholds]``.

    Extended events that meet or overlap count as a single event.
    """
    apart = np.flatnonzero(events.stop[:-1] + half <= events.first[1:] - half)
    first = events.first[np.concatenate([[0], apart + 1])] - half
    stop = events.stop[np.concatenate([apart, [len(events.stop) - 1]])] + half
    edges = np.stack([np.maximum(first, 0), np.minimum(stop, len(rank))], axis=1).ravel()
    best = np.minimum.reduceat(np.append(rank, THRESHOLDS), edges)[::2]
    return np.cumsum(np.bincount(best, minlength=THRESHOLDS)) / len(first)


def _areas(*, hits: Scores, positives: Scores, predicted: Scores, touched: Scores, rows: int) -> Volume:
    """The mean areas.

    ``hits``, ``positives`` and ``touched`` are ``[buffers, thresholds]``, ``predicted [thresholds]``.
    """
    recall = np.minimum(hits / positives, 1.0) * touched
    fall_out = (predicted - hits) / (rows - positives)
    precision = hits / predicted
    start = np.zeros((len(hits), 1))
    steps = np.diff(np.concatenate([start, recall], axis=1), axis=1)
    tpr = np.concatenate([start, recall, start + 1], axis=1)
    fpr = np.concatenate([start, fall_out, start + 1], axis=1)
    pr = np.sum(steps * precision, axis=1)  # [buffers]
    roc = np.trapezoid(tpr, fpr, axis=1)
    return Volume(float(pr.mean()), float(roc.mean()))
