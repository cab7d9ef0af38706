"""Updates every asset's memory: scores the windows of a batch, follows its episodes and its silences."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tfstream.app.detection.asset_update import AssetEvent, AssetUpdate, ScoredWindow
from tfstream.app.detection.champion import Champion
from tfstream.app.detection.instrument_batch import AssetKey, CheckedWindow
from tfstream.app.detection.score_batch import alarm_rule
from tfstream.app.detection.silences import (
    SensorSilences,
    asset_forgotten,
    asset_returned,
    asset_silent,
    with_silence,
)
from tfstream.app.detection.window_evidence import HeardJudgement, WindowExplainer
from tfstream.app.detection.window_listener import HeardWindow, WindowListener
from tfstream.core.alarms.alarm_rule import AlarmRule, AlarmState, Hop
from tfstream.core.alarms.episode import EpisodeEvent, EpisodeEvents
from tfstream.core.alarms.hop_evidence import NoEvidence
from tfstream.core.alarms.instrument_episode import follow_instruments
from tfstream.core.alarms.judgement import SILENT
from tfstream.core.messages.witness import Witness
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
        self._explainer = WindowExplainer(definition, champion.detector)
        self._shape = champion.detector.shape
        self._silences = SensorSilences(definition, champion.detector)
        self._rule = alarm_rule(definition, champion.detector)
        self._listener = WindowListener(definition, champion)
        self._asset_rules = {
            asset: alarm_rule(definition, champion.detector, asset) for asset in definition.asset_budgets
        }

    def process_batch(self, batch: Sequence[AssetEvent]) -> list[AssetUpdate]:
        """Score all windows of a batch together, then process its events in the order of the log.

        An asset may have several events: each starts from the memory after the previous event.
        """
        heard, kept = self._listener.hear(batch)
        memories: dict[AssetKey, AssetMemory | None] = {}
        updates = []
        for index, (partition, memory, event) in enumerate(batch):
            key = partition, event.asset
            update = self.process(memories.get(key, memory), event, heard.get(index))
            if index in kept and update.memory is not None:
                update = update._replace(memory=msgspec.structs.replace(update.memory, **kept[index]))
            memories[key] = update.memory
            updates.append(update)
        return updates

    def warm_up(self, events: Sequence[AssetEvent]) -> AssetMemory | None:
        """An asset's memory after its witnesses have seen its windows; none of them is scored."""
        _, kept = self._listener.hear(events, scored=False)
        memory = events[0].memory
        for index, (_, _, event) in enumerate(events):
            memory = (
                None if isinstance(event, AssetForgotten) else self._listener.own_memory(memory, event.asset)
            )
            if index in kept and memory is not None:
                memory = msgspec.structs.replace(memory, **kept[index])
        return memory

    def process(
        self, memory: AssetMemory | None, event: TrackEvent, heard: HeardWindow | None = None
    ) -> AssetUpdate:
        """The update of one event, with what all witnesses say about its window."""
        own = self._listener.own_memory(memory, event.asset)
        if isinstance(event, WindowReady):
            heard = heard or HeardWindow(CheckedWindow(event.window), None, None)
            if self._shape.ends_hop(event.window.end_index):
                return self._hop_ended(own, event, heard)
            return self._row_ended(own, event, heard)
        if isinstance(event, AssetSilent):
            return asset_silent(own, event)
        if isinstance(event, AssetReturned):
            return asset_returned(own, event)
        return asset_forgotten(own, event)

    def _row_ended(self, memory: AssetMemory, event: WindowReady, heard: HeardWindow) -> AssetUpdate:
        """A window between two hops, only in slow streams: it has no score, but witnesses may speak."""
        asset, window = event
        before = memory
        memory, instruments = self._follow_instruments(memory, event, heard.checked)
        loudest = self._loudest(asset, heard, [], opened=instruments)
        if loudest is None and not heard.staying.accepted:
            row = self._row(window, heard, None, before, memory)
            return AssetUpdate(asset, memory, _events(instruments), between_hops=row)
        state, events = self._rule_of(asset).update_between_hops(
            _alarm_state(memory),
            SILENT if loudest is None else loudest.judgement,
            self._hop(window, self._shape.step),
            NoEvidence() if loudest is None else loudest.evidence,
            heard.staying,
        )
        after = msgspec.structs.replace(memory, episode=state.episode, standing=state.standing)
        row = self._row(window, heard, loudest, before, after)
        return AssetUpdate(asset, after, _events(instruments, *events), between_hops=row)

    def _row(
        self,
        window: Window,
        heard: HeardWindow,
        loudest: HeardJudgement | None,
        before: AssetMemory,
        after: AssetMemory,
    ) -> ScoredWindow | None:
        """A window between two hops in which a witness or a check of instruments speaks."""
        out = heard.checked.out
        if loudest is None and out is None:
            return None
        return ScoredWindow(
            window,
            missing=(),
            scored=None,
            judgement=None if loudest is None else loudest.judgement,
            before=before,
            after=after,
            out=self._names(heard.checked.masked),
            instruments=None if out is None else out.judgement,
            evidence=NoEvidence() if loudest is None else loudest.evidence,
        )

    def _hop_ended(self, memory: AssetMemory, event: WindowReady, heard: HeardWindow) -> AssetUpdate:
        asset, window = event
        checked, missing = heard.checked, self._silences.missing(window)
        silence = self._silences.follow(memory, asset, window, missing, checked.last_values)
        before = memory if silence is None else with_silence(memory, silence)
        after, instruments = self._follow_instruments(before, event, checked)
        loudest: HeardJudgement | None = None
        events: EpisodeEvents = ()
        if heard.scored is not None:
            loudest, after, events = self._judge(asset, after, window, heard, instruments)
        scored = ScoredWindow(
            window,
            self._names(missing),
            heard.scored,
            None if loudest is None else loudest.judgement,
            before,
            after,
            self._names(checked.masked),
            None if checked.out is None else checked.out.judgement,
            NoEvidence() if loudest is None else loudest.evidence,
        )
        return AssetUpdate(asset, after, _events(silence, instruments, *events), scored)

    def _rule_of(self, asset: str) -> AlarmRule:
        return self._asset_rules.get(asset, self._rule)

    def _hop(self, window: Window, rows: int) -> Hop:
        return Hop(window.end_index, window.first_offset, window.last_offset, rows)

    def _names(self, sensors: Sequence[int]) -> tuple[str, ...]:
        return tuple(self._sensors[sensor] for sensor in sensors)

    def _follow_instruments(
        self, memory: AssetMemory, event: WindowReady, checked: CheckedWindow
    ) -> tuple[AssetMemory, EpisodeEvent | None]:
        """The memory after what the checks found out of the window's sensors, and the event to write."""
        out = checked.out
        if out is None and memory.instrument_episode is None:
            return memory, None
        rule, hop = self._rule_of(event.asset), self._hop(event.window, self._shape.step)
        change = follow_instruments(
            memory.episode,
            memory.instrument_episode,
            rule.observation(SILENT if out is None else out.judgement, hop),
            () if out is None else out.sensors,
            self._names(checked.masked),
            rule.cooldown_us,
        )
        after = msgspec.structs.replace(memory, episode=change.process, instrument_episode=change.instruments)
        return after, change.event

    def _loudest(
        self, asset: str, heard: HeardWindow, others: list[HeardJudgement], opened: EpisodeEvent | None
    ) -> HeardJudgement | None:
        """The loudest of all judgements about a window.

        Where sensors go out of order in the window, ``opened``, findings about other sensors wait: two
        episodes that instruments begin at the same moment would have the same id.
        """
        checked = heard.checked
        unusual = None if opened is not None else checked.unusual
        values = checked.window.values
        every = [*others, *self._explainer.heard(asset, values, heard.verdict, unusual)]
        return min(every, key=lambda each: each.judgement.rank, default=None)

    def _judge(
        self,
        asset: str,
        memory: AssetMemory,
        window: Window,
        heard: HeardWindow,
        opened: EpisodeEvent | None,
    ) -> tuple[HeardJudgement, AssetMemory, EpisodeEvents]:
        """The loudest judgement of a hop, the memory after it, and the events of its episodes."""
        rule, scored = self._rule_of(asset), heard.scored
        assert scored is not None
        state = _alarm_state(memory)
        judged = rule.judge_next(scored.score, state, heard.staying)
        by_score = HeardJudgement(judged, self._explainer.evidence(scored))
        loudest = self._loudest(asset, heard, [by_score], opened) or by_score
        rows = self._shape.hop if loudest.judgement.witness is Witness.SCORE else self._shape.step
        state, events = rule.update(
            state,
            scored.score,
            loudest.judgement,
            self._hop(window, rows),
            loudest.evidence,
            heard.staying,
        )
        after = msgspec.structs.replace(
            memory,
            baseline=state.baseline,
            terms=scored.terms.values,
            terms_index=scored.terms.end_index,
            episode=state.episode,
            standing=state.standing,
            high_score=state.high_score,
        )
        return loudest, after, events


def _alarm_state(memory: AssetMemory) -> AlarmState:
    return AlarmState(memory.baseline, memory.episode, memory.standing, memory.high_score)


def _events(*events: EpisodeEvent | None) -> tuple[EpisodeEvent, ...]:
    return tuple(event for event in events if event is not None)
