"""Stored readings on the grid: where a gap cuts a series in two."""

from __future__ import annotations

import numpy as np
import pytest

from tfstream.app.training.alignment import aligned_pieces
from tfstream.core.reading import Series
from tfstream.core.stream import StreamDefinition

SECOND_US = 1_000_000
DEFINITION = StreamDefinition(topic="plant", sensors=("flow",), interval_us=SECOND_US)


def two_readings(rows_apart: int) -> Series:
    times_us = np.array([0, rows_apart * SECOND_US], dtype=np.int64)
    return Series("x", times_us, np.ones((2, 1), dtype=np.float32))


@pytest.mark.parametrize("hop_rows", [1, 8, 20])
def test_a_gap_longer_than_the_filling_and_a_hop_cuts_the_series(hop_rows: int) -> None:
    longest = DEFINITION.staleness_rows + hop_rows
    (whole,) = aligned_pieces(two_readings(longest), DEFINITION, hop_rows)
    assert len(whole.times_us) == longest + 1
    pieces = list(aligned_pieces(two_readings(longest + 1), DEFINITION, hop_rows))
    assert [piece.times_us.tolist() for piece in pieces] == [[0], [(longest + 1) * SECOND_US]]


def test_a_series_without_readings_has_no_pieces() -> None:
    none = Series("x", np.empty(0, dtype=np.int64), np.empty((0, 1), dtype=np.float32))
    assert list(aligned_pieces(none, DEFINITION, 8)) == []
