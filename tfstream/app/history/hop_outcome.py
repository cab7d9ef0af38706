"""What became of one hop, in words."""

from __future__ import annotations

from tfstream.app.runtime.human_units import duration_text
from tfstream.app.scoring.episode_tracker import ScoredWindow
from tfstream.core.alarms.alarm_rule import AlarmRule
from tfstream.core.alarms.episode import Episode
from tfstream.core.alarms.judgement import Judgement
from tfstream.core.messages.anomaly_event import iso


def hop_outcome(judged: ScoredWindow, rule: AlarmRule) -> str:
    """What a hop did to the asset's episode."""
    judgement = judged.judgement
    if judgement is None:
        return "not scored: no sensor that the model knows said anything"
    before = judged.before.episode
    if before is not None and not before.pending:
        return _of_an_open_one(before, judged, judgement)
    after = judged.after.episode
    if after is None:
        return "below the threshold"
    if after.pending:
        stood = duration_text((after.last_us - after.started_us) / 1e6)
        least = duration_text(rule.min_duration_us / 1e6)
        return f"over the threshold for {stood}, {least} raise an alarm"
    return "over the threshold: an alarm is raised"


def _of_an_open_one(before: Episode, judged: ScoredWindow, judgement: Judgement) -> str:
    after = judged.after.episode
    if after is None:
        return f"calm for long enough: the episode of {iso(before.started_us)} ends"
    if judgement.exceeds:
        return "over the threshold: the episode goes on"
    if judgement.holds:
        return "below the threshold, but not by enough: the episode goes on"
    if after.last_us > before.last_us:
        return "calm, but a guilty sensor still departs from the others: the episode goes on"
    return "calm, not for long enough to end the episode"
