"""Findings to outputs: score the windows of a batch, judge each, and keep the episodes of every asset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from tfstream.app.scoring.assigned_partition import AssignedPartition
from tfstream.app.scoring.event_builder import EventBuilder, silent_sensors
from tfstream.app.scoring.score_batch import (
    Champion,
    ScoringInput,
    SmoothedTerms,
    WindowScore,
    alarm_rule,
    score_batch,
    scoreable,
)
from tfstream.core.alarms.alarm_rule import AlarmRule, AlarmState, Hop
from tfstream.core.alarms.episode import EpisodeEvent, close_episode
from tfstream.core.alarms.judgement import Judgement
from tfstream.core.alarms.silence import close_silence, open_silence, update_silence
from tfstream.core.messages.anomaly_event import EventType
from tfstream.core.reading import is_complete
from tfstream.core.state import AssetMemory
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window
from tfstream.core.windowing.partition_tracks import (
    AssetGone,
    AssetReturned,
    AssetSilent,
    TrackEvent,
    WindowReady,
)


class ScoredWindow(NamedTuple):
    """One window on its way, for those who look back: the asset's memory before and after it.

    ``scored`` and ``judgement`` are None where no sensor said anything that could be scored; ``missing`` are
    the live sensors without a reading in the newest hop.
    """

    window: Window
    missing: tuple[str, ...]
    scored: WindowScore | None
    judgement: Judgement | None
    before: AssetMemory
    after: AssetMemory


class EpisodeTracker:
    """Turns the findings of a batch into outputs and memories of their lanes."""

    def __init__(
        self,
        definition: StreamDefinition,
        champion: Champion,
        *,
        write_scores: bool = True,
        see: Callable[[ScoredWindow], None] | None = None,
    ) -> None:
        self._definition = definition
        self._write_scores = write_scores
        self._see = see
        self.champion = champion
        self.unscoreable = (
            0  # windows in which no sensor that the model knows said anything, since the last score
        )
        self._teller = EventBuilder(definition, champion)
        self._hop = champion.detector.hop_rows
        self._live = np.asarray(champion.detector.live)  # [sensors]: those that said anything in training
        self._alive = int(self._live.sum())
        self._rule = alarm_rule(definition, champion.detector)
        self._own_rules = {
            asset: alarm_rule(definition, champion.detector, asset) for asset in definition.asset_budgets
        }

    def take(self, findings: Sequence[tuple[AssignedPartition, TrackEvent]]) -> int:
        """Judge a batch in the order of the log; returns how many windows were scored."""
        batch = {
            place: ScoringInput(
                lane.partition, found.asset, found.window, _terms(self._memory(lane, found.asset))
            )
            for place, (lane, found) in enumerate(findings)
            if isinstance(found, WindowReady) and scoreable(found.window.values, self.champion.detector)
        }
        scored = dict(zip(batch, score_batch(self.champion.detector, list(batch.values())), strict=True))
        for place, (lane, found) in enumerate(findings):
            if isinstance(found, WindowReady):
                self._window(lane, found, scored.get(place))
            elif isinstance(found, AssetSilent):
                self._asset_silent(lane, found)
            elif isinstance(found, AssetReturned):
                self._asset_returned(lane, found)
            else:
                self._asset_gone(lane, found)
        self._count_unscoreable(len(batch), findings)
        return len(batch)

    def _count_unscoreable(
        self, scored: int, findings: Sequence[tuple[AssignedPartition, TrackEvent]]
    ) -> None:
        windows = sum(isinstance(found, WindowReady) for _, found in findings)
        self.unscoreable = 0 if scored else self.unscoreable + windows

    def _memory(self, lane: AssignedPartition, asset: str) -> AssetMemory:
        """The asset's memory under the present model; another model's numbers mean nothing here."""
        memory = lane.memories.get(asset)
        if memory is not None and memory.model_version == self.champion.version:
            return memory
        return AssetMemory(
            model_version=self.champion.version,
            baseline=self._rule.calibration.initial_baseline(asset),
            episode=memory.episode if memory else None,
            silence=memory.silence if memory else None,
        )

    def _window(self, lane: AssignedPartition, found: WindowReady, scored: WindowScore | None) -> None:
        asset, window = found
        missing = self._missing(window)
        memory = before = self._sensors_silent(lane, found, missing, self._memory(lane, asset))
        judgement = None
        if scored is not None:
            rule = self._own_rules.get(asset, self._rule)
            judgement = rule.judge(scored.score, memory.baseline)
            if self._write_scores:
                lane.outputs.append(self._teller.score(asset, window, judgement, missing))
            memory = self._judged(lane, found, scored, judgement, memory, rule)
        lane.remember(asset, memory)
        if self._see is not None:
            self._see(ScoredWindow(window, missing, scored, judgement, before, memory))

    def _judged(
        self,
        lane: AssignedPartition,
        found: WindowReady,
        scored: WindowScore,
        judgement: Judgement,
        memory: AssetMemory,
        rule: AlarmRule,
    ) -> AssetMemory:
        window = found.window
        standing, told = rule.update(
            AlarmState(memory.baseline, memory.episode),
            scored.score,
            judgement,
            Hop(window.end_index, window.first_offset, window.last_offset),
            self._teller.testimony(scored),
        )
        if told is not None:
            self._tell(lane, found.asset, told)
        return msgspec.structs.replace(
            memory,
            baseline=standing.baseline,
            terms=scored.terms.values,
            terms_index=scored.terms.end_index,
            episode=standing.episode,
        )

    def _missing(self, window: Window) -> tuple[str, ...]:
        """Sensors that the model knows alive and that said nothing in the newest hop, fillings apart."""
        if is_complete(window.values[-1]):
            return ()
        missing = np.isnan(window.values[-self._hop :]).all(axis=0) & self._live
        return tuple(self._definition.sensors[i] for i in np.flatnonzero(missing))

    def _sensors_silent(
        self, lane: AssignedPartition, found: WindowReady, missing: tuple[str, ...], memory: AssetMemory
    ) -> AssetMemory:
        if len(missing) == self._alive:
            return memory  # a gap of the whole asset: should it last, the partition's clock will show it
        before, sensors = memory.silence, silent_sensors(missing)
        start_us = (found.window.end_index + 1 - self._hop) * self._definition.interval_us
        offset = found.window.last_offset
        if before is None and sensors:
            told = open_silence(start_us, offset, sensors)
        elif before is not None and not sensors:
            told = close_silence(before, start_us, offset)
        elif before is not None and sensors != before.sensors:
            told = update_silence(before, offset, sensors)
        else:
            return memory
        return self._with_silence(lane, found.asset, memory, told)

    def _asset_silent(self, lane: AssignedPartition, found: AssetSilent) -> None:
        """A silent asset's open episode ends with what was last seen of it; a pending one was never told."""
        memory = self._memory(lane, found.asset)
        if memory.episode is not None and not memory.episode.pending:
            self._tell(lane, found.asset, close_episode(memory.episode))
        memory = msgspec.structs.replace(memory, episode=None)
        if memory.silence is None:
            told = open_silence(found.since_us, found.offset, ())
        else:
            told = update_silence(memory.silence, found.offset, ())
        lane.remember(found.asset, self._with_silence(lane, found.asset, memory, told))

    def _asset_returned(self, lane: AssignedPartition, found: AssetReturned) -> None:
        memory = self._memory(lane, found.asset)
        if memory.silence is not None:
            told = close_silence(memory.silence, found.time_us, found.offset)
            memory = self._with_silence(lane, found.asset, memory, told)
        lane.remember(found.asset, memory)

    def _asset_gone(self, lane: AssignedPartition, found: AssetGone) -> None:
        """Nobody would ever close the episode of an asset that is not known any more."""
        silence = self._memory(lane, found.asset).silence
        if silence is not None:
            self._tell(lane, found.asset, close_silence(silence, found.ended_us, found.offset))
        lane.forget(found.asset)

    def _with_silence(
        self, lane: AssignedPartition, asset: str, memory: AssetMemory, told: EpisodeEvent
    ) -> AssetMemory:
        self._tell(lane, asset, told)
        silence = None if told.event is EventType.CLOSED else told.episode
        return msgspec.structs.replace(memory, silence=silence)

    def _tell(self, lane: AssignedPartition, asset: str, told: EpisodeEvent) -> None:
        lane.outputs.append(self._teller.event(lane.partition, asset, told))
        lane.events += 1


def _terms(memory: AssetMemory) -> SmoothedTerms | None:
    return None if memory.terms is None else SmoothedTerms(memory.terms_index, memory.terms)
