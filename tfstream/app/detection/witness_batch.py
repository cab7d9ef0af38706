"""Asks the witnesses about the new rows of a batch of windows: who speaks, and about which sensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.app.detection.asked_rows import AskedRows
from tfstream.app.detection.champion import Champion
from tfstream.app.detection.followed_span import FollowedSpan, SpanFollower, WindowStanding, WitnessVerdict
from tfstream.app.detection.score_batch import alarm_rule
from tfstream.app.detection.shift_judge import ShiftJudge
from tfstream.core.alarms.standing_levels import LevelShift, StandingLevels, accepted_after_us, sensors_key
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window
from tfstream.model.witnesses.advance import NewRows, advance
from tfstream.model.witnesses.witness_state import StoredState

_ROWS_AT_ONCE = 2_048  # the memory that a batch needs does not grow with the number of its rows

AssetKey = tuple[int, str]  # the partition and the asset


class StoredWitnesses(NamedTuple):
    """What an asset's memory holds for the witnesses; ``same_model`` where this model wrote ``data``.

    ``levels`` are what has stayed away from usual, None where nothing has.
    """

    data: bytes | None
    end_index: int
    same_model: bool
    levels: StandingLevels | None = None


class WitnessInput(NamedTuple):
    """A window of an asset whose newest rows the witnesses have not seen; ``key`` names the asset.

    ``masked`` are the sensors, by column, whose values are left out.
    """

    key: AssetKey
    window: Window
    masked: tuple[int, ...] = ()


class AskedWitnesses(NamedTuple):
    """``verdicts`` and ``standing`` by the index of their window, and each asset's state afterwards."""

    verdicts: dict[int, WitnessVerdict]
    standing: dict[int, WindowStanding]
    stored: dict[AssetKey, StoredWitnesses]


class WitnessBatch:
    """Asks the witnesses of one model. It keeps no state of the assets: stored state goes in and out."""

    def __init__(self, definition: StreamDefinition, champion: Champion) -> None:
        detector = champion.detector
        self._detector, self._model = detector, detector.witnesses
        self._version = champion.version
        self._shape = detector.shape
        self._most_windows = _ROWS_AT_ONCE // self._shape.step
        self._rule = alarm_rule(definition, detector).witness_rule
        self._asset_rules = {
            asset: alarm_rule(definition, detector, asset).witness_rule for asset in definition.asset_budgets
        }
        self._judge = ShiftJudge(detector)
        self._sensors_key = sensors_key(detector.definition_sensors)
        self._stayed_rows = accepted_after_us(definition.interval_us) // definition.interval_us

    def ask(
        self, windows: Sequence[WitnessInput], stored: Mapping[AssetKey, StoredWitnesses | None]
    ) -> AskedWitnesses:
        """Ask about windows; those of an asset must be in the order of the log."""
        result = AskedWitnesses({}, {}, {})
        if not self._model.admitted:
            return result
        remaining: dict[AssetKey, list[int]] = {}
        for index, (key, _, _) in enumerate(windows):
            remaining.setdefault(key, []).append(index)
        while remaining:
            spans = self._take_spans(windows, remaining)
            before = {key: result.stored.get(key, stored.get(key)) for key in spans}
            for key, asked in self._ask_spans(windows, spans, before, result).items():
                if left := spans[key][asked:]:
                    remaining[key] = [*left, *remaining.get(key, [])]
        return result

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

    def _ask_spans(
        self,
        windows: Sequence[WitnessInput],
        spans: Mapping[AssetKey, Sequence[int]],
        before: Mapping[AssetKey, StoredWitnesses | None],
        result: AskedWitnesses,
    ) -> dict[AssetKey, int]:
        """Add what is said about the windows of spans, and the states after them, to the result.

        How many windows of a span were asked about is returned for spans that a change of shifts ends early:
        the windows after it are compared otherwise.
        """
        levels = {key: self._levels(stored) for key, stored in before.items()}
        rows = {
            key: self._new_rows(
                key, before[key], [windows[index].window for index in span], levels[key].shifts
            )
            for key, span in spans.items()
        }
        asked = self._asked(list(rows.values()))
        speaking = self._speaking(asked)
        standing = [number for number, key in enumerate(spans) if not levels[key].empty]
        cut: dict[AssetKey, int] = {}
        every = list(spans.items())
        for number in asked.noteworthy(speaking, standing):
            key, span = every[number]
            masked = [windows[index].masked for index in span]
            follower = self._follower(key[1])
            followed = follower.follow(asked, number, masked, self._shape.step, levels[key])
            count = len(followed.standing)
            if count < len(span) or followed.stayed is not None:
                cut[key] = count
                followed = self._stop_early(
                    follower, followed, rows[key], len(span) - count, result.stored, key
                )
            levels[key] = followed.levels
            result.verdicts.update(
                (index, each)
                for index, each in zip(span, followed.verdicts, strict=False)
                if each is not None
            )
            result.standing.update(zip(span, followed.standing, strict=False))
        for key, state in zip(rows, asked.states.encode(), strict=True):
            if key not in cut:
                result.stored[key] = self._stored(state, rows[key].end_index, levels[key])
        return cut

    def _stop_early(
        self,
        follower: SpanFollower,
        followed: FollowedSpan,
        rows: NewRows,
        left: int,
        stored: dict[AssetKey, StoredWitnesses],
        key: AssetKey,
    ) -> FollowedSpan:
        """The followed span after its last window, ``left`` windows before the end; its state is kept."""
        count = len(rows.values) - left * self._shape.step
        end = rows.end_index - left * self._shape.step
        until = rows._replace(values=rows.values[:count], end_index=end)
        asked = self._asked([until])
        if followed.stayed is not None:
            followed = follower.accept(followed, asked, key[1], end)
        asked.keep_fired(0, followed.fired)
        stored[key] = self._stored(asked.states.encode()[0], end, followed.levels)
        return followed

    def _asked(self, rows: Sequence[NewRows]) -> AskedRows:
        advanced = advance(self._model.grids, self._detector.scaler, rows)
        return AskedRows(self._model.admitted, advanced, [each.asset for each in rows])

    def _stored(self, data: bytes, end_index: int, levels: StandingLevels) -> StoredWitnesses:
        return StoredWitnesses(data, end_index, same_model=True, levels=None if levels.empty else levels)

    def _levels(self, stored: StoredWitnesses | None) -> StandingLevels:
        if stored is None or stored.levels is None:
            return StandingLevels(model_version=self._version, sensors_key=self._sensors_key)
        return stored.levels.under(self._version, self._sensors_key, stored.end_index)

    def _follower(self, asset: str) -> SpanFollower:
        rule = self._asset_rules.get(asset, self._rule)
        return SpanFollower(self._model, rule, self._judge, self._stayed_rows)

    def _new_rows(
        self,
        key: AssetKey,
        stored: StoredWitnesses | None,
        windows: Sequence[Window],
        shifts: tuple[LevelShift, ...],
    ) -> NewRows:
        """The rows that the witnesses have not seen: all rows of the first window after a gap."""
        step, first = self._shape.step, windows[0]
        counters = self._detector.counters
        newest = [counters.newest(window.values, step) for window in windows]
        state = None
        if stored is not None and stored.data and stored.end_index == first.end_index - step:
            state = StoredState(stored.data, stored.same_model)
        else:
            newest[0] = counters.transform(first.values)
        return NewRows(key[1], state, np.concatenate(newest), windows[-1].end_index, shifts)

    def _speaking(self, asked: AskedRows) -> NDArray[np.bool_]:
        """Whether a witness speaks at each row ``[n]``, under the rule of the row's asset."""
        speaking: NDArray[np.bool_] = np.asarray(self._rule.speaking(asked.values).any(axis=1))
        for number, asset in enumerate(asked.assets):
            if asset in self._asset_rules:
                rows = asked.rows_of(number)
                speaking[rows] = self._asset_rules[asset].speaking(asked.values[rows]).any(axis=1)
        return speaking


def _unbroken(windows: Sequence[WitnessInput], indices: Sequence[int], step: int) -> list[int]:
    """The first of an asset's windows that follow each other without a gap."""
    unbroken = [indices[0]]
    for index in indices[1:]:
        if windows[index].window.end_index != windows[unbroken[-1]].window.end_index + step:
            break
        unbroken.append(index)
    return unbroken
