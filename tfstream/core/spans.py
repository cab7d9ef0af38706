"""Spans of time: half open, in whole microseconds since 1970."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Times


class Span(NamedTuple):
    """From ``start_us`` up to, but without, ``end_us``."""

    start_us: int
    end_us: int

    @property
    def length_us(self) -> int:
        return self.end_us - self.start_us

    def widened(self, before_us: int, after_us: int) -> Span:
        return Span(self.start_us - before_us, self.end_us + after_us)

    def overlaps(self, other: Span) -> bool:
        """Whether the two spans have a moment in common."""
        return self.start_us < other.end_us and other.start_us < self.end_us


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """The same moments as sorted, disjoint spans: spans that touch are joined, empty spans are left out."""
    merged: list[Span] = []
    for span in sorted(span for span in spans if span.start_us < span.end_us):
        if merged and span.start_us <= merged[-1].end_us:
            merged[-1] = Span(merged[-1].start_us, max(merged[-1].end_us, span.end_us))
        else:
            merged.append(span)
    return merged


def covered_rows(spans: Sequence[Span], times_us: Times) -> NDArray[np.bool_]:
    """``[rows]``: which times lie in one of the spans, which :func:`merge_spans` has sorted and joined."""
    starts = np.array([span.start_us for span in spans], dtype=np.int64)
    ends = np.array([span.end_us for span in spans], dtype=np.int64)
    started = np.searchsorted(starts, times_us, side="right")
    ended = np.searchsorted(ends, times_us, side="right")
    return np.asarray(started > ended, dtype=np.bool_)
