"""Takes out of a series what is not learnt from, and counts it.

What concerns some sensors becomes NaN; where all are left out for a while, the series is cut.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from tfstream.core.learning.exclusion_cause import ExcludedSpan, ExclusionCause, Mask
from tfstream.core.reading import Series
from tfstream.core.spans import Span, covered_rows, merge_spans


@dataclass(kw_only=True)
class ExcludedCells:
    """Cells by cause, of ``cells`` in all: rows of the grid times sensors."""

    cells: int = 0
    by_cause: Counter[ExclusionCause] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def shares(self) -> dict[str, float]:
        """Of all cells, the largest first."""
        return {cause.value: count / self.cells for cause, count in self.by_cause.most_common() if count}


def exclude(piece: Series, cuts: Sequence[ExcludedSpan], told: ExcludedCells) -> Iterator[Series]:
    """An unbroken piece without the cuts, in pieces where all sensors are left out for a while.

    ``piece`` is changed in place.
    """
    width = piece.values.shape[1]
    whole = np.zeros(len(piece.times_us), dtype=np.bool_)
    for cause, sensors, spans in _grouped(cuts):
        rows = covered_rows(spans, piece.times_us)
        if not rows.any():
            continue
        part = piece.values[np.ix_(rows, sensors)]
        told.by_cause[cause] += int(np.isfinite(part).sum())
        piece.values[np.ix_(rows, sensors)] = np.nan
        if sensors.sum() == width:
            whole |= rows
    yield from _kept(piece, ~whole)


def _grouped(cuts: Sequence[ExcludedSpan]) -> list[tuple[ExclusionCause, Mask, list[Span]]]:
    """Cuts of one cause and the same sensors together, still in their order."""
    groups: dict[tuple[ExclusionCause, bytes], tuple[Mask, list[Span]]] = {}
    for cut in cuts:
        groups.setdefault((cut.cause, cut.sensors.tobytes()), (cut.sensors, []))[1].append(cut.span)
    return [(cause, sensors, merge_spans(spans)) for (cause, _), (sensors, spans) in groups.items()]


def _kept(piece: Series, keep: Mask) -> Iterator[Series]:
    """The unbroken runs of rows that are kept."""
    if keep.all():
        yield piece
        return
    rows = np.flatnonzero(keep)
    for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
        if len(run):
            part = slice(int(run[0]), int(run[-1]) + 1)
            yield Series(piece.asset, piece.times_us[part], piece.values[part])


def known_cells(pieces: Sequence[Series]) -> int:
    return sum(int(np.isfinite(piece.values).sum()) for piece in pieces)
