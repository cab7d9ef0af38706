"""The lines of a backtest's result: assets with their counts and rates, events, alarms."""

from __future__ import annotations

from collections.abc import Sequence

from tfstream.app.detection.alarm_sentence import AlarmSentences
from tfstream.app.history.asset_alarms import AssetAlarms
from tfstream.app.history.backtest_result import AlarmLine, AssetLine, EventLine
from tfstream.app.runtime.human_units import LEAST_SHARE, share_text
from tfstream.core.alarms.poisson import mean_bounds
from tfstream.core.alarms.raised_alarm import RaisedAlarm
from tfstream.core.messages.anomaly_event import iso
from tfstream.core.spans import Span


def asset_line(name: str, budget: float, assets: Sequence[AssetAlarms], *, labelled: bool) -> AssetLine:
    """Counts and rates of one asset, or of several assets together; ``budget`` is in alarms a week."""
    alarms, weeks = sum(asset.shown for asset in assets), sum(asset.weeks for asset in assets)
    low, high = mean_bounds(alarms)
    return AssetLine(
        asset=name,
        weeks=weeks,
        alarms=alarms,
        hidden=sum(sum(asset.hidden) for asset in assets),
        per_week=ratio(alarms, weeks),
        low=ratio(low, weeks),
        high=ratio(high, weeks),
        budget=budget,
        events=sum(len(asset.events) for asset in assets),
        detected=sum(asset.detected for asset in assets),
        false_alarms=sum(asset.false_alarms for asset in assets) if labelled else None,
    )


def ratio(count: float, weeks: float) -> float:
    """``count`` a week; NaN without weeks."""
    return count / weeks if weeks else float("nan")


def event_lines(asset: AssetAlarms) -> list[EventLine]:
    """A line for each event of an asset, detected or missed."""
    return [_event_line(asset, index, span) for index, span in enumerate(asset.events)]


def _event_line(asset: AssetAlarms, index: int, span: Span) -> EventLine:
    alarm = asset.first_alarm(index)
    raised_us = None if alarm is None else alarm.raised_us
    return EventLine(
        asset=asset.asset,
        start=iso(span.start_us),
        end=iso(span.end_us),
        raised_at=None if raised_us is None else iso(raised_us),
        delay_s=None if raised_us is None else (raised_us - span.start_us) / 1e6,
        warning_s=None if raised_us is None else max(span.end_us - raised_us, 0) / 1e6,
    )


def alarm_lines(asset: AssetAlarms) -> list[AlarmLine]:
    """A line for each alarm of an asset, hidden or shown."""
    triples = zip(asset.alarms, asset.owners, asset.hidden, strict=True)
    sentences = asset.sentences
    return [_alarm_line(asset, alarm, owner, sentences, hidden=hidden) for alarm, owner, hidden in triples]


def _alarm_line(
    asset: AssetAlarms, alarm: RaisedAlarm, owner: int | None, sentences: AlarmSentences, *, hidden: bool
) -> AlarmLine:
    episode = alarm.episode
    return AlarmLine(
        asset=asset.asset,
        kind=episode.kind.value,
        started_at=iso(episode.started_us),
        raised_at=iso(alarm.raised_us),
        ended_at=None if asset.is_open(alarm) else iso(episode.last_us),
        score=episode.score,
        threshold=episode.threshold,
        expected_per_week=episode.expected_per_week,
        witness=None if episode.witness is None else episode.witness.value,
        scale_s=episode.scale_s,
        reason=sentences.of_episode(episode, asset.asset),
        sensors=tuple(
            f"{sensor.name} {share_text(sensor.share)}"
            for sensor in episode.sensors[:3]
            if sensor.share >= LEAST_SHARE
        ),
        event=None if owner is None else iso(asset.events[owner].start_us),
        hidden=hidden,
    )
