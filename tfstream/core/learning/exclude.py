"""Takes excluded cells out of a series, and counts them.

The excluded cells of some sensors become NaN; where all sensors are excluded, the series is cut.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from tfstream.core.learning.normal_rows import ExcludedSpan, ExclusionCause, Mask
from tfstream.core.reading import Series
from tfstream.core.spans import Span, covered_rows, merge_spans


@dataclass(kw_only=True)
class ExcludedCells:
    """How many cells are excluded, by cause, of ``cells`` in all: rows of the grid times sensors."""

    cells: int = 0
    by_cause: Counter[ExclusionCause] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def shares(self) -> dict[str, float]:
        """The share of all cells, by cause, the largest first."""
        return {cause.value: count / self.cells for cause, count in self.by_cause.most_common() if count}


def exclude(piece: Series, cuts: Sequence[ExcludedSpan], left_out: ExcludedCells) -> Iterator[Series]:
    """Take the cuts out of an unbroken piece; rows with every sensor excluded split it into several pieces.

    Changes ``piece`` in place, and adds to the counts of ``left_out``.
    """
    width = piece.values.shape[1]
    excluded_rows = np.zeros(len(piece.times_us), dtype=np.bool_)
    for cause, sensors, spans in _grouped(cuts):
        rows = covered_rows(spans, piece.times_us)
        if not rows.any():
            continue
        part = piece.values[np.ix_(rows, sensors)]
        left_out.by_cause[cause] += int(np.isfinite(part).sum())
        piece.values[np.ix_(rows, sensors)] = np.nan
        if sensors.sum() == width:
            excluded_rows |= rows
    yield from _runs(piece, ~excluded_rows)


def _grouped(cuts: Sequence[ExcludedSpan]) -> list[tuple[ExclusionCause, Mask, list[Span]]]:
    """Join the spans of cuts that have the same cause and sensors; keeps the order of the cuts."""
    groups: dict[tuple[ExclusionCause, bytes], tuple[Mask, list[Span]]] = {}
    for cut in cuts:
        groups.setdefault((cut.cause, cut.sensors.tobytes()), (cut.sensors, []))[1].append(cut.span)
    return [(cause, sensors, merge_spans(spans)) for (cause, _), (sensors, spans) in groups.items()]


def _runs(piece: Series, keep: Mask) -> Iterator[Series]:
    """The unbroken runs of the rows to keep."""
    if keep.all():
        yield piece
        return
    rows = np.flatnonzero(keep)
    for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
        if len(run):
            part = slice(int(run[0]), int(run[-1]) + 1)
            yield Series(piece.asset, piece.times_us[part], piece.values[part])


def known_cells(pieces: Sequence[Series]) -> int:
    """How many cells of the pieces have a finite value."""
    return sum(int(np.isfinite(piece.values).sum()) for piece in pieces)
