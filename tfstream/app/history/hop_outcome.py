"""What one hop did to its asset's episode, as a sentence."""

from __future__ import annotations

from tfstream.app.detection.asset_update import ScoredWindow
from tfstream.app.runtime.human_units import duration_text
from tfstream.core.alarms.alarm_rule import AlarmRule
from tfstream.core.alarms.episode import Episode
from tfstream.core.alarms.judgement import Judgement
from tfstream.core.messages.anomaly_event import iso


def hop_outcome(hop: ScoredWindow, rule: AlarmRule) -> str:
    """Whether the hop raised an alarm, kept an episode open or ended it, or had no score."""
    judgement = hop.judgement
    if judgement is None and hop.instruments is not None:
        return "only the checks of instruments judged these rows: sensors are out of order"
    if judgement is None:
        return "not scored: no reading from any sensor the model was trained on"
    before = hop.before.episode
    if before is not None and not before.pending:
        return _open_episode_outcome(before, hop, judgement)
    after = hop.after.episode
    if not judgement.exceeds:
        return "below the threshold"
    if after is None:
        return "over the threshold since an earlier alarm: the value must fall before it can raise another"
    if after.pending:
        lasted = duration_text((after.last_us - after.started_us) / 1e6)
        needed = duration_text(rule.min_duration_us / 1e6)
        return f"over the threshold for {lasted}; an alarm needs {needed}"
    return "over the threshold: an alarm is raised"


def _open_episode_outcome(before: Episode, hop: ScoredWindow, judgement: Judgement) -> str:
    after = hop.after.episode
    if after is None:
        return f"quiet for long enough: the episode of {iso(before.started_us)} ends"
    goes_on = after.last_us > before.last_us
    if goes_on and judgement.exceeds:
        return "over the threshold: the episode goes on"
    if goes_on and judgement.keeps_open:
        return "below the threshold, but above the level that ends an episode: the episode goes on"
    if goes_on:
        return "quiet, but a sensor of this alarm still departs from the others: the episode goes on"
    if judgement.keeps_open:
        return (
            "a witness is above the level that ends an episode, but it names other sensors or looks at a "
            "much longer time: it does not keep this episode open"
        )
    return "quiet, but not for long enough to end the episode"
