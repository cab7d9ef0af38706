"""Updates every asset's memory: scores the windows of a batch, follows its episodes and its silences."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from tfstream.app.detection.asset_update import AssetEvent, AssetUpdate, ScoredWindow
from tfstream.app.detection.champion import Champion
from tfstream.app.detection.score_batch import (
    ScoringInput,
    SmoothedTerms,
    WindowScore,
    alarm_rule,
    score_batch,
    scoreable,
)
from tfstream.app.detection.silence_updates import (
    asset_forgotten,
    asset_returned,
    asset_silent,
    with_silence,
)
from tfstream.app.detection.window_evidence import WindowExplainer
from tfstream.app.detection.witness_batch import StoredWitnesses, WitnessBatch, WitnessInput, WitnessVerdict
from tfstream.core.alarms.alarm_rule import AlarmRule, AlarmState, Hop
from tfstream.core.alarms.episode import EpisodeEvent
from tfstream.core.alarms.judgement import Judgement
from tfstream.core.alarms.silence_events import close_silence, open_silence, silent_sensors, update_silence
from tfstream.core.messages.witness import Witness
from tfstream.core.reading import is_complete
from tfstream.core.state import AssetMemory
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window
from tfstream.core.windowing.partition_tracks import (
    AssetForgotten,
    AssetReturned,
    AssetSilent,
    TrackEvent,
    WindowReady,
)


class EpisodeTracker:
    """Updates assets under one model. It keeps no state of the assets: memory goes in, updates come out."""

    def __init__(self, definition: StreamDefinition, champion: Champion) -> None:
        self.champion = champion
        self._sensors = definition.sensors
        self._interval_us = definition.interval_us
        self._explainer = WindowExplainer(definition, champion.detector)
        self._shape = champion.detector.shape
        self._live = np.asarray(champion.detector.live)  # [sensors]: those with readings in training
        self._live_count = int(self._live.sum())
        self._rule = alarm_rule(definition, champion.detector)
        self._witnesses = WitnessBatch(definition, champion.detector)
        self._asset_rules = {
            asset: alarm_rule(definition, champion.detector, asset) for asset in definition.asset_budgets
        }

    def process_batch(self, batch: Sequence[AssetEvent]) -> list[AssetUpdate]:
        """Score all windows of a batch together, then process its events in the order of the log.

        An asset may have several events: each starts from the memory after the previous event.
        """
        scores = self._score_windows(batch)
        verdicts, witnesses = self._ask_witnesses(batch)
        memories: dict[tuple[int, str], AssetMemory | None] = {}
        updates = []
        for index, (partition, memory, event) in enumerate(batch):
            key = partition, event.asset
            update = self.process(memories.get(key, memory), event, scores.get(index), verdicts.get(index))
            if index in witnesses:
                update = update._replace(memory=self._with_witnesses(update.memory, witnesses[index]))
            memories[key] = update.memory
            updates.append(update)
        return updates

    def warm_up(self, events: Sequence[AssetEvent]) -> AssetMemory | None:
        """An asset's memory after its witnesses have seen its windows; none of them is scored."""
        _, witnesses = self._ask_witnesses(events)
        memory = events[0].memory
        for index, (_, _, event) in enumerate(events):
            memory = None if isinstance(event, AssetForgotten) else self._own_memory(memory, event.asset)
            if index in witnesses:
                memory = self._with_witnesses(memory, witnesses[index])
        return memory

    def _ask_witnesses(
        self, batch: Sequence[AssetEvent]
    ) -> tuple[dict[int, WitnessVerdict], dict[int, StoredWitnesses]]:
        """Verdicts by the index of their event; what the witnesses keep by that of an asset's last window."""
        indices = [index for index, each in enumerate(batch) if isinstance(each.event, WindowReady)]
        inputs: list[WitnessInput] = []
        stored: dict[tuple[int, str], StoredWitnesses | None] = {}
        last: dict[tuple[int, str], int] = {}
        for index in indices:
            partition, memory, event = batch[index]
            assert isinstance(event, WindowReady)
            key = partition, event.asset
            inputs.append(WitnessInput(key, event.window))
            stored.setdefault(key, self._stored_witnesses(memory))
            last[key] = index
        asked = self._witnesses.ask(inputs, stored)
        verdicts = {indices[number]: verdict for number, verdict in asked.verdicts.items()}
        return verdicts, {last[key]: each for key, each in asked.stored.items()}

    def _stored_witnesses(self, memory: AssetMemory | None) -> StoredWitnesses | None:
        if memory is None or memory.witnesses is None:
            return None
        same_model = memory.witness_version == self.champion.version
        return StoredWitnesses(memory.witnesses, memory.witness_index, same_model)

    def _with_witnesses(self, memory: AssetMemory | None, stored: StoredWitnesses) -> AssetMemory | None:
        if memory is None:
            return None
        return msgspec.structs.replace(
            memory,
            witnesses=stored.data,
            witness_index=stored.end_index,
            witness_version=self.champion.version,
        )

    def _score_windows(self, batch: Sequence[AssetEvent]) -> dict[int, WindowScore]:
        """Scores by the index of their event; windows without a reading of a live sensor have none."""
        detector = self.champion.detector
        inputs = {
            index: ScoringInput(
                partition, event.asset, event.window, _terms(self._own_memory(memory, event.asset))
            )
            for index, (partition, memory, event) in enumerate(batch)
            if isinstance(event, WindowReady)
            and self._shape.ends_hop(event.window.end_index)
            and scoreable(event.window.values, detector)
        }
        return dict(zip(inputs, score_batch(detector, list(inputs.values())), strict=True))

    def process(
        self,
        memory: AssetMemory | None,
        event: TrackEvent,
        scored: WindowScore | None = None,
        verdict: WitnessVerdict | None = None,
    ) -> AssetUpdate:
        """The update of one event, with the score of its window and the witnesses' verdict about it."""
        own = self._own_memory(memory, event.asset)
        if isinstance(event, WindowReady):
            if self._shape.ends_hop(event.window.end_index):
                return self._hop_ended(own, event, scored, verdict)
            return self._row_ended(own, event, verdict)
        if isinstance(event, AssetSilent):
            return asset_silent(own, event)
        if isinstance(event, AssetReturned):
            return asset_returned(own, event)
        return asset_forgotten(own, event)

    def _own_memory(self, memory: AssetMemory | None, asset: str) -> AssetMemory:
        """The asset's memory under this model: scores of another model cannot be compared with its scores."""
        if memory is not None and memory.model_version == self.champion.version:
            return memory
        return AssetMemory(
            model_version=self.champion.version,
            baseline=self._rule.calibration.initial_baseline(asset),
            episode=memory.episode if memory else None,
            silence=memory.silence if memory else None,
            witnesses=memory.witnesses if memory else None,
            witness_index=memory.witness_index if memory else -1,
            witness_version=memory.witness_version if memory else -1,
        )

    def _row_ended(
        self, memory: AssetMemory, event: WindowReady, verdict: WitnessVerdict | None
    ) -> AssetUpdate:
        """A window between two hops, only in slow streams: it has no score, but witnesses may speak."""
        asset, window = event
        if verdict is None:
            return AssetUpdate(asset, memory)
        state, episode = self._rule_of(asset).update_between_hops(
            AlarmState(memory.baseline, memory.episode),
            verdict.judgement,
            Hop(window.end_index, window.first_offset, window.last_offset, self._shape.step),
            self._explainer.witness_evidence(asset, window.values, verdict),
        )
        after = msgspec.structs.replace(memory, episode=state.episode)
        heard = ScoredWindow(window, (), None, verdict.judgement, memory, after, verdict)
        return AssetUpdate(asset, after, () if episode is None else (episode,), between_hops=heard)

    def _hop_ended(
        self,
        memory: AssetMemory,
        event: WindowReady,
        scored: WindowScore | None,
        verdict: WitnessVerdict | None,
    ) -> AssetUpdate:
        asset, window = event
        missing = self._missing_sensors(window)
        silence = self._sensor_silence(memory, window, missing)
        before = memory if silence is None else with_silence(memory, silence)
        after, judgement, episode = before, None, None
        if scored is not None:
            judgement, after, episode = self._judge(asset, before, window, scored, verdict)
        return AssetUpdate(
            asset,
            after,
            tuple(event for event in (silence, episode) if event is not None),
            ScoredWindow(window, missing, scored, judgement, before, after, verdict),
        )

    def _rule_of(self, asset: str) -> AlarmRule:
        return self._asset_rules.get(asset, self._rule)

    def _judge(
        self,
        asset: str,
        memory: AssetMemory,
        window: Window,
        scored: WindowScore,
        verdict: WitnessVerdict | None,
    ) -> tuple[Judgement, AssetMemory, EpisodeEvent | None]:
        """The loudest judgement of a hop, the memory after it, and the episode's event, if there is one."""
        rule = self._rule_of(asset)
        heard = self._explainer.loudest(rule.judge(scored.score, memory.baseline), scored, verdict)
        rows = self._shape.hop if heard.judgement.witness is Witness.SCORE else self._shape.step
        state, event = rule.update(
            AlarmState(memory.baseline, memory.episode),
            scored.score,
            heard.judgement,
            Hop(window.end_index, window.first_offset, window.last_offset, rows),
            heard.evidence,
        )
        after = msgspec.structs.replace(
            memory,
            baseline=state.baseline,
            terms=scored.terms.values,
            terms_index=scored.terms.end_index,
            episode=state.episode,
        )
        return heard.judgement, after, event

    def _missing_sensors(self, window: Window) -> tuple[str, ...]:
        """The live sensors without a reading in the newest hop; filled cells are no readings."""
        if is_complete(window.values[-1]):
            return ()
        missing = np.isnan(window.values[-self._shape.hop :]).all(axis=0) & self._live
        return tuple(self._sensors[index] for index in np.flatnonzero(missing))

    def _sensor_silence(
        self, memory: AssetMemory, window: Window, missing: tuple[str, ...]
    ) -> EpisodeEvent | None:
        """The event that opens, updates or closes the silence of single sensors."""
        if len(missing) == self._live_count:
            return None  # a gap of the whole asset: if it lasts, the partition's clock shows it
        silence, sensors = memory.silence, silent_sensors(missing)
        start_us = (window.end_index + 1 - self._shape.hop) * self._interval_us
        if silence is None:
            return open_silence(start_us, window.last_offset, sensors) if sensors else None
        if not sensors:
            return close_silence(silence, start_us, window.last_offset)
        if sensors != silence.sensors:
            return update_silence(silence, window.last_offset, sensors)
        return None


def _terms(memory: AssetMemory) -> SmoothedTerms | None:
    return None if memory.terms is None else SmoothedTerms(memory.terms_index, memory.terms)
