"""Spans of time: half open, in whole microseconds since 1970; many of them are sorted and apart."""

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
        """Whether they have a moment in common."""
        return self.start_us < other.end_us and other.start_us < self.end_us


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """The same moments, in order; those that touch are one, and those without a moment are gone."""
    found: list[Span] = []
    for span in sorted(span for span in spans if span.start_us < span.end_us):
        if found and span.start_us <= found[-1].end_us:
            found[-1] = Span(found[-1].start_us, max(found[-1].end_us, span.end_us))
        else:
            found.append(span)
    return found


def covered_rows(spans: Sequence[Span], times_us: Times) -> NDArray[np.bool_]:
    """``[rows]``: which moments lie in one of the spans, which are as :func:`merge_spans` gives them."""
    starts = np.array([span.start_us for span in spans], dtype=np.int64)
    ends = np.array([span.end_us for span in spans], dtype=np.int64)
    begun = np.searchsorted(starts, times_us, side="right")
    over = np.searchsorted(ends, times_us, side="right")
    return np.asarray(begun > over, dtype=np.bool_)
