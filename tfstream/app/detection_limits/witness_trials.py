"""When the witnesses of errors, levels and season raise an alarm about faulty copies of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.app.detection.asked_rows import AskedRows
from tfstream.app.detection.score_batch import alarm_rule
from tfstream.app.detection_limits.fault_sites import FaultSite
from tfstream.app.detection_limits.faulty_copy import FaultyCopy, Rows, StandingAlarms
from tfstream.core.reading import Values
from tfstream.core.stream import StreamDefinition
from tfstream.model.scoring.detector import Detector
from tfstream.model.witnesses.advance import NewRows, advance
from tfstream.model.witnesses.witness_state import StoredState

_ROWS_AT_ONCE = 64
_MOST_CELLS = 1_000_000  # of a batch of copies
_LEAD_ROWS_AT_ONCE = 4_096

Mask = NDArray[np.bool_]


class _State(NamedTuple):
    """What the witnesses keep of a copy, and ``over [tails]``: which are over their threshold."""

    stored: StoredState
    over: Mask


class _PreparedSite(NamedTuple):
    """A site for the witnesses: the rows ``[rows, sensors]`` without a fault, and the state before them.

    ``over [rows, tails]`` is true where a witness is over its threshold ``[tails]`` without a fault.
    """

    asset: str
    clean: Values
    start: int
    thresholds: NDArray[np.float64]
    state: _State
    over: Mask


class WitnessTrials:
    """The admitted witnesses of a model at the sites, in the state that the rows before a fault give them.

    A witness that is over its threshold without the fault, too, says nothing about the fault.
    """

    def __init__(self, definition: StreamDefinition, detector: Detector, sites: Sequence[FaultSite]) -> None:
        self._detector = detector
        self._tails = detector.witnesses.admitted
        self._least = -(-definition.min_duration_us // definition.interval_us)
        self._sites = [self._prepare(definition, site) for site in sites] if self._tails else []

    def alarm_rows(self, copies: Sequence[FaultyCopy]) -> Rows:
        """The row at which each copy raises an alarm, ``NEVER`` where none does: ``[copies]``."""
        alarms = StandingAlarms(len(copies), self._least)
        if not self._sites or not copies:
            return alarms.rows
        alive = np.arange(len(copies))
        states = [self._sites[copy.site].state for copy in copies]
        for first, last in self._blocks(len(copies)):
            some = [copies[at] for at in alive.tolist()]
            over, states = self._advance_copies(some, states, first, last)
            over &= ~np.stack([self._sites[copy.site].over[first:last] for copy in some], axis=1)
            for row in range(last - first):
                alarms.follow(first + row, alive, np.asarray(over[row].any(axis=1)))
            silent = np.flatnonzero(alarms.rows[alive] >= last)
            alive, states = alive[silent], [states[at] for at in silent.tolist()]
            if not len(alive):
                break
        return alarms.rows

    def _blocks(self, copies: int) -> Iterator[tuple[int, int]]:
        rows, sensors = self._sites[0].clean.shape
        step = min(max(_MOST_CELLS // (copies * sensors), 8), _ROWS_AT_ONCE)
        for first in range(0, rows, step):
            yield first, min(first + step, rows)

    def _prepare(self, definition: StreamDefinition, site: FaultSite) -> _PreparedSite:
        thresholds = alarm_rule(definition, self._detector, site.asset).witness_rule.thresholds
        rows = self._detector.counters.transform(site.rows)
        stored: StoredState | None = None
        for at in range(0, site.lead, _LEAD_ROWS_AT_ONCE):
            some = rows[at : min(at + _LEAD_ROWS_AT_ONCE, site.lead)]
            new = NewRows(site.asset, stored, some, site.first_index + at + len(some) - 1)
            advanced = advance(self._detector.witnesses.grids, self._detector.scaler, [new])
            stored = StoredState(advanced.states.encode()[0], same_model=True)
        assert stored is not None
        nothing = np.zeros(len(self._tails), dtype=np.bool_)
        state = _State(stored, nothing)
        clean = rows[site.lead :]
        unprepared = _PreparedSite(site.asset, clean, site.start, thresholds, state, nothing[None])
        over, _ = self._advance([unprepared], [clean], [state], len(clean))
        return unprepared._replace(over=over[:, 0])

    def _advance_copies(
        self, copies: Sequence[FaultyCopy], states: Sequence[_State], first: int, last: int
    ) -> tuple[Mask, list[_State]]:
        sites = [self._sites[copy.site] for copy in copies]
        batch = []
        for copy, site in zip(copies, sites, strict=True):
            rows = site.clean[first:last].copy()
            rows[:, copy.sensor] = copy.shown[first:last]
            batch.append(rows)
        return self._advance(sites, batch, states, last)

    def _advance(
        self, sites: Sequence[_PreparedSite], batch: Sequence[Values], states: Sequence[_State], last: int
    ) -> tuple[Mask, list[_State]]:
        """Which tails are over their threshold at each row: ``[rows, copies, tails]``, and the states after.

        ``last`` is the row of the fault after the batch. Between two rows of its grid a tail stays as it was.
        """
        new = [
            NewRows(site.asset, state.stored, rows, site.start + last - 1)
            for site, state, rows in zip(sites, states, batch, strict=True)
        ]
        advanced = advance(self._detector.witnesses.grids, self._detector.scaler, new)
        asked = AskedRows(self._tails, advanced, [site.asset for site in sites])
        values = asked.values.reshape(len(batch[0]), len(batch), -1)  # all copies have equally many rows
        known = ~np.isnan(values)
        with np.errstate(invalid="ignore"):
            over = values >= np.stack([site.thresholds for site in sites])
        before = np.stack([state.over for state in states])
        for row, known_now in enumerate(known):
            over[row] = before = np.where(known_now, over[row], before)
        encoded = advanced.states.encode()
        after = [
            _State(StoredState(data, same_model=True), own) for data, own in zip(encoded, before, strict=True)
        ]
        return over, after
