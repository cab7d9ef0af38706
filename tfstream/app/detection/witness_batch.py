"""Asks the witnesses about the new rows of a batch of windows: who speaks, and about which sensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.app.detection.asked_rows import AskedRows
from tfstream.app.detection.score_batch import alarm_rule
from tfstream.core.alarms.judgement import Judgement
from tfstream.core.alarms.witness_rule import HeardWitness, WitnessRule
from tfstream.core.reading import Values
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window
from tfstream.model.scoring.detector import Detector
from tfstream.model.witnesses.advance import NewRows, advance
from tfstream.model.witnesses.comparison import SensorDeparture
from tfstream.model.witnesses.witness_state import StoredState

_ROWS_AT_ONCE = 2_048  # the memory that a batch needs does not grow with the number of its rows

AssetKey = tuple[int, str]  # the partition and the asset


class StoredWitnesses(NamedTuple):
    """What an asset's memory holds for the witnesses; ``same_model`` where this model wrote it."""

    data: bytes | None
    end_index: int
    same_model: bool


class WitnessInput(NamedTuple):
    """A window of an asset whose newest rows the witnesses have not seen; ``key`` names the asset.

    ``masked`` are the sensors, by column, whose values are left out.
    """

    key: AssetKey
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
    stored: Mapping[AssetKey, StoredWitnesses]


class WitnessBatch:
    """Asks the witnesses of one model. It keeps no state of the assets: stored state goes in and out."""

    def __init__(self, definition: StreamDefinition, detector: Detector) -> None:
        self._detector, self._model = detector, detector.witnesses
        self._shape = detector.shape
        self._most_windows = _ROWS_AT_ONCE // self._shape.step
        self._rule = alarm_rule(definition, detector).witness_rule
        self._asset_rules = {
            asset: alarm_rule(definition, detector, asset).witness_rule for asset in definition.asset_budgets
        }

    def ask(
        self, windows: Sequence[WitnessInput], stored: Mapping[AssetKey, StoredWitnesses | None]
    ) -> AskedWitnesses:
        """Ask about windows; those of an asset must be in the order of the log."""
        if not self._model.admitted:
            return AskedWitnesses({}, {})
        verdicts: dict[int, WitnessVerdict] = {}
        kept: dict[AssetKey, StoredWitnesses] = {}
        remaining: dict[AssetKey, list[int]] = {}
        for index, (key, _, _) in enumerate(windows):
            remaining.setdefault(key, []).append(index)
        while remaining:
            spans = self._take_spans(windows, remaining)
            rows = [
                self._new_rows(key, kept.get(key, stored.get(key)), [windows[index].window for index in span])
                for key, span in spans.items()
            ]
            verdicts |= self._ask_spans(windows, spans, rows, kept)
        return AskedWitnesses(verdicts, kept)

    def _take_spans(
        self, windows: Sequence[WitnessInput], remaining: dict[AssetKey, list[int]]
    ) -> dict[AssetKey, list[int]]:
        """Take some assets' next windows that follow each other without a gap out of what remains."""
        spans: dict[AssetKey, list[int]] = {}
        rows = 0
        for key, indices in list(remaining.items()):
            span = _unbroken(windows, indices[: self._most_windows], self._shape.step)
            spans[key], remaining[key] = span, indices[len(span) :]
            if not remaining[key]:
                del remaining[key]
            rows += len(span) * self._shape.step
            if rows >= _ROWS_AT_ONCE:
                break
        return spans

    def _new_rows(self, key: AssetKey, stored: StoredWitnesses | None, windows: Sequence[Window]) -> NewRows:
        """The rows that the witnesses have not seen: all rows of the first window after a gap."""
        step, first = self._shape.step, windows[0]
        counters = self._detector.counters
        newest = [counters.newest(window.values, step) for window in windows]
        state = None
        if stored is not None and stored.data and stored.end_index == first.end_index - step:
            state = StoredState(stored.data, stored.same_model)
        else:
            newest[0] = counters.transform(first.values)
        return NewRows(key[1], state, np.concatenate(newest), windows[-1].end_index)

    def _ask_spans(
        self,
        windows: Sequence[WitnessInput],
        spans: Mapping[AssetKey, Sequence[int]],
        rows: Sequence[NewRows],
        kept: dict[AssetKey, StoredWitnesses],
    ) -> dict[int, WitnessVerdict]:
        """The verdicts about the windows of each span, whose rows are ``rows``; the states are kept."""
        advanced = advance(self._model.grids, self._detector.scaler, rows)
        asked = AskedRows(self._model.admitted, advanced, [each.asset for each in rows])
        speaking = self._speaking(asked)
        verdicts: dict[int, WitnessVerdict] = {}
        every = list(spans.values())
        for number in asked.noteworthy(speaking).tolist():
            verdicts |= self._verdicts(windows, every[number], asked, number, speaking)
        for key, new, state in zip(spans, rows, advanced.states.encode(), strict=True):
            kept[key] = StoredWitnesses(state, new.end_index, same_model=True)
        return verdicts

    def _speaking(self, asked: AskedRows) -> NDArray[np.bool_]:
        """Whether a witness speaks at each row ``[n]``, under the rule of the row's asset."""
        speaking: NDArray[np.bool_] = np.asarray(self._rule.speaking(asked.values).any(axis=1))
        for number, asset in enumerate(asked.assets):
            if asset in self._asset_rules:
                rows = asked.rows_of(number)
                speaking[rows] = self._asset_rules[asset].speaking(asked.values[rows]).any(axis=1)
        return speaking

    def _verdicts(
        self,
        windows: Sequence[WitnessInput],
        span: Sequence[int],
        asked: AskedRows,
        number: int,
        speaking: NDArray[np.bool_],
    ) -> dict[int, WitnessVerdict]:
        """The verdict about each window of an asset's span in which a witness speaks."""
        rule = self._asset_rules.get(asked.assets[number], self._rule)
        fired = asked.fired(number)
        rows = asked.rows_of(number)[-len(span) * self._shape.step :]
        verdicts = {}
        for index, of_window in zip(span, rows.reshape(len(span), -1), strict=True):
            heard = list(_heard(rule, asked, of_window, speaking, fired))
            for loudest, row in sorted(heard, key=lambda each: each[0].judgement.rank):
                verdict = self._verdict(asked, number, loudest, row)
                if not verdict.is_about(windows[index].masked):
                    verdicts[index] = verdict
                    break
        asked.keep_fired(number, fired)
        return verdicts

    def _verdict(self, asked: AskedRows, number: int, heard: HeardWitness, row: int) -> WitnessVerdict:
        tail = self._model.admitted[heard.number]
        grid, at = asked.grids[tail.level], int(asked.place[row, heard.number])
        compared, end = grid.compared[tail.statistic][at], int(grid.entered.ends[at])
        model, asset = self._model.grids[tail.level], asked.assets[number]
        departures = model.blame(tail.statistic, compared, asset, end)
        return WitnessVerdict(heard.judgement, grid.shown[tail.statistic][at], tuple(departures))


def _heard(
    rule: WitnessRule,
    asked: AskedRows,
    rows: NDArray[np.int64],
    speaking: NDArray[np.bool_],
    fired: NDArray[np.bool_],
) -> Iterator[tuple[HeardWitness, int]]:
    """The loudest witness at each row where a witness speaks; ``fired`` is brought up to date."""
    for row in rows.tolist():
        if speaking[row]:
            heard = rule.judge(asked.values[row], fired)
            if heard is not None:
                yield heard, row
        elif fired.any():
            fired &= np.isnan(asked.values[row])  # quiet where the grid completed a row


def _unbroken(windows: Sequence[WitnessInput], indices: Sequence[int], step: int) -> list[int]:
    """The first of an asset's windows that follow each other without a gap."""
    unbroken = [indices[0]]
    for index in indices[1:]:
        if windows[index].window.end_index != windows[unbroken[-1]].window.end_index + step:
            break
        unbroken.append(index)
    return unbroken
