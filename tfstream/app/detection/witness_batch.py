"""Asks the witnesses about the new rows of a batch of windows: who speaks, and about which sensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.app.detection.score_batch import alarm_rule
from tfstream.core.alarms.judgement import Judgement
from tfstream.core.alarms.witness_rule import WitnessRule
from tfstream.core.alarms.witness_tail import WitnessTail
from tfstream.core.reading import Values
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window
from tfstream.model.scoring.detector import Detector
from tfstream.model.witnesses.advance import GridRows, NewRows, WitnessRows, advance
from tfstream.model.witnesses.comparison import SensorDeparture
from tfstream.model.witnesses.witness_state import WitnessState, decode_state, encode_state

Array = NDArray[np.float64]


class StoredWitnesses(NamedTuple):
    """What an asset's memory holds for the witnesses; ``same_model`` where this model wrote it."""

    data: bytes | None
    end_index: int
    same_model: bool


class WitnessInput(NamedTuple):
    """A window of an asset whose newest rows the witnesses have not seen; ``key`` names the asset.

    ``masked`` are the sensors, by column, whose values are left out.
    """

    key: tuple[int, str]
    window: Window
    masked: tuple[int, ...] = ()


class WitnessVerdict(NamedTuple):
    """The witness that speaks loudest about a window's new rows, and what it saw there.

    ``shown`` and ``departures`` are of the row that made it speak: what the sensors show in their own units,
    and the sensors that depart.
    """

    judgement: Judgement
    shown: Values
    departures: tuple[SensorDeparture, ...]

    def is_about(self, sensors: Sequence[int]) -> bool:
        """Whether the sensor that departs most is one of these: a mean remembers what it showed before."""
        return bool(self.departures) and self.departures[0].sensor in sensors


class AskedWitnesses(NamedTuple):
    """``verdicts`` by the index of their window, and each asset's state afterwards."""

    verdicts: Mapping[int, WitnessVerdict]
    stored: Mapping[tuple[int, str], StoredWitnesses]


class WitnessBatch:
    """Asks the witnesses of one model. It keeps no state of the assets: stored state goes in and out."""

    def __init__(self, definition: StreamDefinition, detector: Detector) -> None:
        self._detector, self._model = detector, detector.witnesses
        self._shape = detector.shape
        self._grid_rows = tuple(grid.rows for grid in self._model.grids)
        self._rule = alarm_rule(definition, detector).witness_rule
        self._asset_rules = {
            asset: alarm_rule(definition, detector, asset).witness_rule for asset in definition.asset_budgets
        }

    def ask(
        self, windows: Sequence[WitnessInput], stored: Mapping[tuple[int, str], StoredWitnesses | None]
    ) -> AskedWitnesses:
        """Ask about windows; those of an asset must be in the order of the log."""
        if not self._grid_rows:
            return AskedWitnesses({}, {})
        verdicts: dict[int, WitnessVerdict] = {}
        states: dict[tuple[int, str], WitnessState | None] = {}
        remaining: dict[tuple[int, str], list[int]] = {}
        for index, (key, _, _) in enumerate(windows):
            remaining.setdefault(key, []).append(index)
        for key in remaining:
            states[key] = self._state(stored.get(key))
        while remaining:
            spans = {key: _unbroken(windows, indices, self._shape.step) for key, indices in remaining.items()}
            rows = [
                self._new_rows(key, states[key], [windows[i].window for i in spans[key]]) for key in spans
            ]
            advanced = advance(self._model.grids, self._detector.scaler, rows)
            for key, new, result in zip(spans, rows, advanced, strict=True):
                ends = np.arange(new.end_index + 1 - len(new.values), new.end_index + 1)
                asked = _AskedRows.of(self._model.admitted, result.grids, ends)
                verdicts |= self._verdicts(key[1], windows, spans[key], asked, result)
                states[key] = result.state
                remaining[key] = remaining[key][len(spans[key]) :]
            remaining = {key: indices for key, indices in remaining.items() if indices}
        return AskedWitnesses(verdicts, {key: _stored(state) for key, state in states.items() if state})

    def _state(self, stored: StoredWitnesses | None) -> WitnessState | None:
        if stored is None or stored.data is None:
            return None
        sensors = len(self._detector.definition_sensors)
        state = decode_state(stored.data, stored.end_index, self._grid_rows, sensors)
        return state if state is None or stored.same_model else state.under_new_model()

    def _new_rows(
        self, key: tuple[int, str], state: WitnessState | None, windows: Sequence[Window]
    ) -> NewRows:
        """The rows that the witnesses have not seen: all rows of the first window after a gap."""
        step, first = self._shape.step, windows[0]
        if state is not None and state.end_index != first.end_index - step:
            state = None
        counters = self._detector.counters
        newest = [counters.newest(window.values, step) for window in windows]
        if state is None:
            newest[0] = counters.transform(first.values)
        return NewRows(key[1], state, np.concatenate(newest), windows[-1].end_index)

    def _verdicts(
        self,
        asset: str,
        windows: Sequence[WitnessInput],
        indices: Sequence[int],
        asked: _AskedRows,
        result: WitnessRows,
    ) -> dict[int, WitnessVerdict]:
        """The verdict about each window in which a witness speaks."""
        rule = self._asset_rules.get(asset, self._rule)
        speaking = np.any(rule.speaking(asked.values), axis=1, keepdims=True)
        fired = self._fired(result.state)
        verdicts = {}
        for index in indices:
            last = int(windows[index].window.end_index - asked.ends[0])
            rows = range(last + 1 - self._shape.step, last + 1)
            heard = [
                self._verdict(rule, asked, row, fired, result)
                for row in rows
                if speaking[row, 0] or fired.any()
            ]
            masked = windows[index].masked
            known = [verdict for verdict in heard if verdict is not None and not verdict.is_about(masked)]
            if known:
                verdicts[index] = min(known, key=lambda verdict: verdict.judgement.rank)
        self._keep_fired(result.state, fired)
        return verdicts

    def _verdict(
        self,
        rule: WitnessRule,
        asked: _AskedRows,
        row: int,
        fired: NDArray[np.bool_],
        result: WitnessRows,
    ) -> WitnessVerdict | None:
        heard = rule.judge(asked.values[row], fired)
        if heard is None:
            return None
        tail = self._model.admitted[heard.number]
        grid_rows, at = result.grids[tail.level], int(asked.place[row, heard.number])
        comparison = self._model.grids[tail.level].comparisons[tail.statistic]
        departures = comparison.blame(grid_rows.compared[tail.statistic][at])
        return WitnessVerdict(heard.judgement, grid_rows.shown[tail.statistic][at], tuple(departures))

    def _fired(self, state: WitnessState) -> NDArray[np.bool_]:
        """``[tails]``: which admitted tails have exceeded their threshold and were not quiet since."""
        return np.array(
            [
                tail.level < len(state.grids) and bool(state.grids[tail.level].fired[tail.statistic])
                for tail in self._model.admitted
            ],
            dtype=np.bool_,
        )

    def _keep_fired(self, state: WitnessState, fired: NDArray[np.bool_]) -> None:
        for tail, has_fired in zip(self._model.admitted, fired.tolist(), strict=True):
            if tail.level < len(state.grids):
                state.grids[tail.level].fired[tail.statistic] = has_fired


class _AskedRows(NamedTuple):
    """Normalised ``values [n, tails]`` at rows of the stream, NaN where the tail's grid completes no row.

    ``ends [n]`` are the indices of the rows; ``place`` is the number of the grid's row.
    """

    ends: NDArray[np.int64]
    values: Array
    place: NDArray[np.int64]

    @classmethod
    def of(
        cls, tails: Sequence[WitnessTail], grids: Mapping[int, GridRows], ends: NDArray[np.int64]
    ) -> _AskedRows:
        shape = len(ends), len(tails)
        values, place = np.full(shape, np.nan), np.full(shape, -1, dtype=np.int64)
        for number, tail in enumerate(tails):
            if tail.level in grids:
                rows = grids[tail.level]
                at = rows.ends - ends[0]
                values[at, number] = tail.normalised(rows.values[:, tail.statistic])
                place[at, number] = np.arange(len(rows.ends))
        return cls(ends, values, place)


def _unbroken(windows: Sequence[WitnessInput], indices: Sequence[int], step: int) -> list[int]:
    """The first of an asset's windows that follow each other without a gap."""
    unbroken = [indices[0]]
    for index in indices[1:]:
        if windows[index].window.end_index != windows[unbroken[-1]].window.end_index + step:
            break
        unbroken.append(index)
    return unbroken


def _stored(state: WitnessState) -> StoredWitnesses:
    return StoredWitnesses(encode_state(state), state.end_index, same_model=True)
