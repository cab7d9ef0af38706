"""An asset's alarms in a backtest: beside its events, and beside the exclusions that would hide them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfstream.app.history.backtest_result import AlarmLine, AssetLine, EventLine
from tfstream.app.scoring.episode_tracker import ScoredWindow
from tfstream.app.scoring.score_batch import Champion
from tfstream.core.alarms.episode import Episode
from tfstream.core.alarms.poisson import mean_bounds
from tfstream.core.learning.exclusion import Exclusion
from tfstream.core.messages.anomaly_event import iso
from tfstream.core.quality.event_quality import Alarm, matched_events
from tfstream.core.quality.ranges import Ranges
from tfstream.core.spans import Span, merge_spans
from tfstream.core.stream import WEEK_US, StreamDefinition


class RaisedAlarm(NamedTuple):
    """An episode as it ended, and when it was told."""

    episode: Episode
    told_us: int


class AlarmCollector:
    """Listens to the judge of one asset: its alarms, and how many hops were scored."""

    def __init__(self, interval_us: int) -> None:
        self._interval_us = interval_us
        self.raised: dict[int, RaisedAlarm] = {}  # by the episode's start
        self.scored = 0
        self.open: int | None = None  # the start of the episode that is open at the end

    def __call__(self, judged: ScoredWindow) -> None:
        end_us = (judged.window.end_index + 1) * self._interval_us
        if judged.judgement is not None:
            self.scored += 1
        episode = judged.after.episode
        self.open = None
        if episode is None or episode.pending:
            return
        known = self.raised.get(episode.started_us)
        told_us = end_us if known is None else known.told_us
        self.raised[episode.started_us] = RaisedAlarm(episode, told_us)
        self.open = episode.started_us


class AssetAlarms:
    """One asset's alarms beside its events."""

    def __init__(
        self,
        definition: StreamDefinition,
        champion: Champion,
        asset: str,
        watch: AlarmCollector,
        events: Sequence[Span],
        hiding: Sequence[Exclusion],
    ) -> None:
        self.asset, self.events = asset, events
        self.budget = definition.budget_of(asset)
        self._interval_us = definition.interval_us
        self._shape = (champion.detector.hop_rows, champion.detector.window_rows)
        self._open = watch.open
        self.raised = list(watch.raised.values())
        self.hidden = [self._is_hidden(one.episode, hiding) for one in self.raised]
        self.owners = matched_events([self._rows(one) for one in self.raised], self._event_rows())
        self.weeks = watch.scored * self._shape[0] * self._interval_us / WEEK_US

    def _rows(self, one: RaisedAlarm) -> Alarm:
        episode = one.episode
        times = (episode.started_us, one.told_us, episode.last_us)
        return Alarm(*(time_us // self._interval_us for time_us in times))

    def _event_rows(self) -> Ranges:
        first = [span.start_us // self._interval_us for span in self.events]
        stop = [-(-span.end_us // self._interval_us) for span in self.events]
        return Ranges(np.array(first, dtype=np.int64), np.array(stop, dtype=np.int64))

    def _is_hidden(self, episode: Episode, hiding: Sequence[Exclusion]) -> bool:
        """As ``hidden_by`` of the schema has it: all of it lies in exclusions, give or take a window."""
        hop_us, window_us = (rows * self._interval_us for rows in self._shape)
        shares = {one.name: one.share for one in episode.sensors}
        whole = Span(episode.started_us - window_us, episode.last_us + hop_us)
        spans = merge_spans(
            span.widened(hop_us, window_us)
            for exclusion in hiding
            if exclusion.hides(self.asset, shares)
            for span in exclusion.occurrences(whole)
        )
        return any(span.start_us <= episode.started_us <= episode.last_us <= span.end_us for span in spans)

    def first_alarm(self, event: int) -> RaisedAlarm | None:
        """The earliest alarm that belongs to an event."""
        of_it = [one for one, owner in zip(self.raised, self.owners, strict=True) if owner == event]
        return min(of_it, key=lambda one: one.told_us, default=None)

    @property
    def shown(self) -> int:
        return len(self.raised) - sum(self.hidden)

    @property
    def detected(self) -> int:
        return len({owner for owner in self.owners if owner is not None})

    @property
    def false_alarms(self) -> int:
        """Those that are shown and belong to no event."""
        pairs = zip(self.owners, self.hidden, strict=True)
        return sum(owner is None and not hidden for owner, hidden in pairs)

    def line(self, *, labelled: bool) -> AssetLine:
        return line_of(self.asset, self.budget, [self], labelled=labelled)

    def event_lines(self) -> list[EventLine]:
        return [self._event_line(place, span) for place, span in enumerate(self.events)]

    def _event_line(self, place: int, span: Span) -> EventLine:
        alarm = self.first_alarm(place)
        told_us = None if alarm is None else alarm.told_us
        return EventLine(
            asset=self.asset,
            start=iso(span.start_us),
            end=iso(span.end_us),
            raised_at=None if told_us is None else iso(told_us),
            delay_s=None if told_us is None else (told_us - span.start_us) / 1e6,
            warning_s=None if told_us is None else max(span.end_us - told_us, 0) / 1e6,
        )

    def alarm_lines(self) -> list[AlarmLine]:
        triples = zip(self.raised, self.owners, self.hidden, strict=True)
        return [self._alarm_line(one, owner, hidden=hidden) for one, owner, hidden in triples]

    def _alarm_line(self, one: RaisedAlarm, owner: int | None, *, hidden: bool) -> AlarmLine:
        episode = one.episode
        still_open = episode.started_us == self._open
        return AlarmLine(
            asset=self.asset,
            kind=episode.kind.value,
            started_at=iso(episode.started_us),
            raised_at=iso(one.told_us),
            ended_at=None if still_open else iso(episode.last_us),
            score=episode.score,
            threshold=episode.threshold,
            sensors=tuple(f"{one.name} {one.share:.0%}" for one in episode.sensors[:3]),
            event=None if owner is None else iso(self.events[owner].start_us),
            hidden=hidden,
        )


def line_of(name: str, budget: float, assets: Sequence[AssetAlarms], *, labelled: bool) -> AssetLine:
    """One asset, or all of them together."""
    alarms, weeks = sum(one.shown for one in assets), sum(one.weeks for one in assets)
    low, high = mean_bounds(alarms)
    return AssetLine(
        asset=name,
        weeks=weeks,
        alarms=alarms,
        hidden=sum(sum(one.hidden) for one in assets),
        per_week=by(alarms, weeks),
        low=by(low, weeks),
        high=by(high, weeks),
        budget=budget,
        events=sum(len(one.events) for one in assets),
        detected=sum(one.detected for one in assets),
        false_alarms=sum(one.false_alarms for one in assets) if labelled else None,
    )


def by(count: float, weeks: float) -> float:
    return count / weeks if weeks else float("nan")
