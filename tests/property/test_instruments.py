"""Findings do not depend on how many rows arrive at once, nor on where a process was restarted."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.core.instruments.watched_sensors import learn, normal_rows
from tfstream.core.instruments.instrument_finding import InstrumentFinding
from tfstream.core.instruments.instrument_monitor import InstrumentMonitor
from tfstream.core.instruments.instrument_state import InstrumentState
from tfstream.core.reading import Values

_ROWS = 400
_FIRST = 64
_MONITOR = InstrumentMonitor(learn())


@st.composite
def _faulty_rows(draw: st.DrawFn) -> Values:
    """Normal rows with stuck, missing, shifted and infinite pieces."""
    values = normal_rows(_ROWS, seed=draw(st.integers(0, 5)))
    for _ in range(draw(st.integers(1, 6))):
        sensor, begin = draw(st.integers(0, 3)), draw(st.integers(0, _ROWS - 1))
        piece = slice(begin, begin + draw(st.integers(1, 200)))
        match draw(st.sampled_from(["stuck", "missing", "shifted", "noisy", "infinite"])):
            case "stuck":
                values[piece, sensor] = values[begin, sensor]
            case "missing":
                values[piece, sensor] = np.nan
            case "shifted":
                values[piece, sensor] += 300
            case "noisy":
                values[piece, sensor] *= np.resize([1, 1.2, 0.7], len(values[piece]))
            case _:
                values[begin, sensor] = np.inf
    return values


def _watch(values: Values, ends: list[int], *, restart: bool) -> list[InstrumentFinding]:
    """The findings of windows that end before the rows ``ends``."""
    state = _MONITOR.initial_state()
    findings: list[InstrumentFinding] = []
    for end in ends:
        window = values[end - 64 : end]
        state, found = _MONITOR.update(state, window, end - 1, "a")
        findings += found
        if restart:
            state = InstrumentState.decode(state.encode(window[-1]))
    return findings


@given(_faulty_rows(), st.lists(st.integers(_FIRST + 1, _ROWS - 1), unique=True), st.booleans())
@settings(max_examples=60, deadline=None)
def test_rows_at_once_equal_row_by_row(values: Values, cuts: list[int], restart: bool) -> None:
    row_by_row = _watch(values, list(range(_FIRST, _ROWS + 1)), restart=False)
    ends = [_FIRST, *sorted(cuts), _ROWS]
    at_most_eight = [end for begin, stop in pairwise(ends) for end in (*range(begin + 8, stop, 8), stop)]
    assert _watch(values, [_FIRST, *at_most_eight], restart=restart) == row_by_row
