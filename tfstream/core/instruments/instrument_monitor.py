"""Watches the sensors of assets, window by window: rows beyond a limit become findings."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.instruments.finding_builder import Excess, FindingBuilder
from tfstream.core.instruments.instrument_check import CheckOff, InstrumentCheck, InstrumentFault
from tfstream.core.instruments.instrument_finding import BEYOND_PROCESS_PER_WEEK, InstrumentFinding
from tfstream.core.instruments.instrument_limits import InstrumentLimits
from tfstream.core.instruments.instrument_state import TOGETHER_ROWS, InstrumentState
from tfstream.core.instruments.limit_rule import QUIET_FLOOR, floors_of, limit_rule, raw_limits
from tfstream.core.instruments.row_statistics import Counts, Runs, repeats, run_lengths, variations
from tfstream.core.reading import Values

_LONGEST_RUN = np.iinfo(np.int32).max
_MOST_TOGETHER = 2  # sensors that have faults of their own at the same time


class _AssetLimits(NamedTuple):
    """One asset's limits as the rows are compared with them, ``[sensors]``; infinite where a check is off."""

    run: Counts
    high: Values
    low: Values
    rate: Values
    noise: Values
    quiet: Values  # the smallest variation, unlike the others
    repeats: Values
    unit: Values
    builder: FindingBuilder


class InstrumentMonitor:
    """The learnt limits, prepared for comparison with windows in the sensors' own units.

    Its findings do not depend on how many rows arrive at once.
    """

    __slots__ = ("_prepared", "_rows", "limits")

    def __init__(self, limits: InstrumentLimits) -> None:
        self.limits = limits
        self._rows = {asset: row for row, asset in enumerate(limits.assets)}
        self._prepared: dict[int, _AssetLimits] = {}

    def initial_state(self) -> InstrumentState:
        """The state of an asset before its first window."""
        return InstrumentState.initial(self.limits.sensors)

    def update(
        self, state: InstrumentState, window: Values, end_row: int, asset: str
    ) -> tuple[InstrumentState, list[InstrumentFinding]]:
        """The state after a window, and what is wrong in its rows since ``state``, in the order of the rows.

        :param window: ``[rows, sensors]``, at least 64 rows, NaN where missing; its last row is ``end_row``.
        """
        window = _finite(window)
        state = state.at(window, end_row + 1 - len(window))
        if state.next_row > end_row:
            return state, []
        limits = self._limits(asset)
        after, excesses = _excesses(state, window, end_row, limits)
        return (after, []) if not excesses else _judge(after, excesses, window, limits.builder)

    def excesses(self, state: InstrumentState, window: Values, end_row: int, asset: str) -> list[Excess]:
        """What is beyond a limit in the rows since ``state``, sensor by sensor.

        Unlike :meth:`update`, it does not ask whether many sensors are so at once.
        """
        window = _finite(window)
        state = state.at(window, end_row + 1 - len(window))
        return _excesses(state, window, end_row, self._limits(asset))[1]

    def _limits(self, asset: str) -> _AssetLimits:
        row = self._rows.get(asset, len(self._rows))
        prepared = self._prepared.get(row)
        if prepared is None:
            prepared = self._prepared[row] = _prepare(self.limits, row)
        return prepared


def _prepare(limits: InstrumentLimits, row: int) -> _AssetLimits:
    records, off = limits.records[row].astype(np.float64), limits.off[row]
    floors = floors_of(records, limits.staleness_rows)
    rule = limit_rule(limits.scales[row].astype(np.float64), off, limits.weeks[row], limits.per_week)
    raw = raw_limits(records - floors, floors, rule, limits.staleness_rows)
    raw[off != CheckOff.ON] = np.inf
    median, unit = limits.medians[row], limits.units[row]
    single = raw.astype(np.float32)
    quiet = np.maximum(1 / single[InstrumentCheck.QUIET] - np.float32(QUIET_FLOOR), 0)
    quiet[np.isinf(single[InstrumentCheck.QUIET])] = -np.inf
    return _AssetLimits(
        run=np.minimum(raw[InstrumentCheck.RUN], _LONGEST_RUN).astype(np.int32),
        high=median + single[InstrumentCheck.HIGH],
        low=median - single[InstrumentCheck.LOW],
        rate=single[InstrumentCheck.RATE],
        noise=single[InstrumentCheck.NOISE],
        quiet=quiet,
        repeats=single[InstrumentCheck.REPEATS],
        unit=unit,
        builder=FindingBuilder(records, floors, raw, median, unit, limits.known[row], rule),
    )


def _excesses(
    state: InstrumentState, window: Values, end_row: int, limits: _AssetLimits
) -> tuple[InstrumentState, list[Excess]]:
    """The state after a window's rows from ``state.next_row`` on, and what is beyond a limit in them."""
    first_row, from_row = end_row + 1 - len(window), state.next_row
    new = window[from_row - first_row :]
    runs = run_lengths(new, state.last, state.runs)
    excesses = _row_excesses(new, runs, from_row, limits)
    excesses += _variation_excesses(window, first_row, from_row, limits)
    excesses += _repeat_excesses(window, first_row, from_row, limits)
    return InstrumentState(end_row + 1, runs.last, runs.run, state.beyond, state.shared), excesses


def _judge(
    state: InstrumentState, excesses: list[Excess], window: Values, builder: FindingBuilder
) -> tuple[InstrumentState, list[InstrumentFinding]]:
    """The state and the findings, row by row: what many sensors do within 64 rows, the process does."""
    beyond, shared = state.beyond.copy(), state.shared.copy()
    findings: list[InstrumentFinding] = []
    for row, group in groupby(sorted(excesses), key=lambda excess: excess.row):
        at_row = list(group)
        shared &= beyond > row - TOGETHER_ROWS
        beyond[[excess.sensor for excess in at_row]] = row
        together = beyond > row - TOGETHER_ROWS
        if together.sum() > _MOST_TOGETHER:
            shared |= together
        found = builder.build(at_row, window[: len(window) + row + 1 - state.next_row])
        findings += [finding for finding in found if not shared[finding.sensor] or _is_frozen(finding)]
    return state._replace(beyond=beyond, shared=shared), findings


def _is_frozen(finding: InstrumentFinding) -> bool:
    """Whether the sensor stands still for a time that no process explains.

    So many sensors do at once when a device that they share has failed.
    """
    still = finding.fault in (InstrumentFault.STUCK, InstrumentFault.DEAD)
    return still and finding.expected_per_week < BEYOND_PROCESS_PER_WEEK


def _row_excesses(new: Values, runs: Runs, from_row: int, limits: _AssetLimits) -> list[Excess]:
    above, below = new > limits.high, new < limits.low
    fast, long = runs.changes > limits.rate, runs.lengths > limits.run
    if not (above | below | fast | long).any():
        return []
    median = limits.builder.median
    return [
        *_found(above, InstrumentCheck.HIGH, new - median, from_row),
        *_found(below, InstrumentCheck.LOW, median - new, from_row),
        *_found(fast, InstrumentCheck.RATE, runs.changes, from_row),
        *_found(long, InstrumentCheck.RUN, runs.lengths, from_row),
    ]


def _variation_excesses(window: Values, first_row: int, from_row: int, limits: _AssetLimits) -> list[Excess]:
    ends, varied = variations(window, first_row, from_row, limits.unit)
    if not len(ends):
        return []
    noisy, quiet = varied > limits.noise, varied < limits.quiet
    if not (noisy | quiet).any():
        return []
    inverse: Values = np.reciprocal(varied + np.float32(QUIET_FLOOR))
    return [
        *_found_at(ends, noisy, InstrumentCheck.NOISE, varied),
        *_found_at(ends, quiet, InstrumentCheck.QUIET, inverse),
    ]


def _repeat_excesses(window: Values, first_row: int, from_row: int, limits: _AssetLimits) -> list[Excess]:
    ends, counts = repeats(window, first_row, from_row)
    return [] if not len(ends) else _found_at(ends, counts > limits.repeats, InstrumentCheck.REPEATS, counts)


def _found(
    mask: NDArray[np.bool_], check: InstrumentCheck, statistic: Values | Counts, from_row: int
) -> list[Excess]:
    return [Excess(from_row + at, sensor, check, float(statistic[at, sensor])) for at, sensor in _cells(mask)]


def _found_at(
    ends: NDArray[np.int64], mask: NDArray[np.bool_], check: InstrumentCheck, statistic: Values
) -> list[Excess]:
    return [Excess(int(ends[at]), sensor, check, float(statistic[at, sensor])) for at, sensor in _cells(mask)]


def _cells(mask: NDArray[np.bool_]) -> list[list[int]]:
    cells: list[list[int]] = np.argwhere(mask).tolist()
    return cells


def _finite(window: Values) -> Values:
    """The window with infinite values as missing; almost always the window itself."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(np.add.reduce(window, axis=None)):  # a fraction of the time of asking every value
            return window
    infinite = np.isinf(window)
    return np.where(infinite, np.float32(np.nan), window) if infinite.any() else window
