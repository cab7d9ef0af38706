"""Divides a learning span into parts in order of time: models of earlier parts watch the later ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tfstream.core.reading import Series

PARTS = 8
WATCHED = (5, 6, 7)  # the parts that are watched by a model of the parts before


def rows_before(series: Sequence[Series], part: int) -> list[Series]:
    """The rows of each asset before a part of its span."""
    return [
        Series(piece.asset, piece.times_us[:stop], piece.values[:stop])
        for piece, _, stop in _cut(series, 0, part / PARTS)
    ]


def rows_of_part(series: Sequence[Series], part: int) -> Iterator[tuple[Series, int, int]]:
    """The pieces that have rows of a part, and the first of these rows and the row after the last."""
    return _cut(series, part / PARTS, (part + 1) / PARTS)


def _cut(series: Sequence[Series], start: float, stop: float) -> Iterator[tuple[Series, int, int]]:
    """The first and last row of each piece that lie between two shares of its asset's rows."""
    total: dict[str, int] = {}
    for piece in series:
        total[piece.asset] = total.get(piece.asset, 0) + len(piece.values)
    passed = dict.fromkeys(total, 0)
    for piece in series:
        rows, at = len(piece.values), passed[piece.asset]
        first, last = (round(share * total[piece.asset]) - at for share in (start, stop))
        passed[piece.asset] += rows
        first, last = max(first, 0), min(last, rows)
        if first < last:
            yield piece, first, last
