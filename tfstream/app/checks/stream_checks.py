"""Is a stream being worked on: scorers, their lag, dead letters, the feeds, how fresh what is stored is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tfstream.app.checks.check_context import (
    CheckContext,
    CheckWarning,
    connection,
    kafka_properties,
    scoring_group,
    stream_of,
)
from tfstream.core.state import decode_metadata
from tfstream.core.stream import StreamDefinition
from tfstream.errors import BadData
from tfstream.storage import progress, readings, scores
from tfstream.streaming import topics
from tfstream.streaming.dead_letters import recent_dead_letters
from tfstream.streaming.group import describe_group
from tfstream.streaming.offsets import GroupOffset, group_offsets, topic_ends

_LETTERS_SINCE = timedelta(hours=24)
_STALE_ROWS = 30
_STALE_AT_LEAST = timedelta(minutes=10)
_STALE_REMEDIES = (
    "no new readings are stored: does the producer send to {topic}, and does `tfstream record` run?",
    "no new scores are stored: does `tfstream score` run, and does its log say why it does not score?",
)


def lag(patient: CheckContext) -> str:
    places = _places(patient)
    if all(place.offset < 0 for place in places.values()):
        raise CheckWarning("no scorer has committed yet", f"run `tfstream score --topic {patient.topic}`")
    behind = sum(max(place.end - max(place.offset, 0), 0) for place in places.values())
    return f"the scorers are {behind} messages behind"


def dead_letter_limit(patient: CheckContext) -> str:
    """What the scorers' last commits say: no later one has gone past."""
    stopped = {partition: place for partition, place in _places(patient).items() if _is_stopped(place)}
    if not stopped:
        return "no partition stands at it"
    said = ", ".join(f"partition {number} at offset {place.offset}" for number, place in stopped.items())
    raise BadData(
        f"stands still: {said}, and nothing from there on is scored; mend the producer, or the definition "
        f"with `tfstream streams set {patient.topic}`, and start the scorers again (docs/messages.md)"
    )


def _places(patient: CheckContext) -> dict[int, GroupOffset]:
    return group_offsets(kafka_properties(patient), patient.topic, scoring_group(patient))


def _is_stopped(place: GroupOffset) -> bool:
    metadata = decode_metadata(place.metadata)
    return metadata is not None and metadata.dl is True and place.end > place.offset


def scorers(patient: CheckContext) -> str:
    """Who is in the scoring group just now."""
    topic = patient.topic
    group = describe_group(kafka_properties(patient), scoring_group(patient))
    if not group.members + group.idle:
        raise CheckWarning("no scorer is running", f"run `tfstream score --topic {topic}`")
    if not group.stable:
        raise CheckWarning(
            f"{_scorers(group.members + group.idle)} in the middle of sharing out the partitions",
            "ask again in a moment; if it goes on for minutes, the scorers' logs say who comes and goes",
        )
    if group.idle:
        raise CheckWarning(
            f"{group.idle} of {_scorers(group.members + group.idle)} without a partition, only standing by",
            f"run no more of them than {topic} has partitions, unless they are meant as spares",
        )
    return f"{_scorers(group.members)} at work"


def _scorers(count: int) -> str:
    return f"{count} scorer{'s' if count != 1 else ''}"


def dead_letters(patient: CheckContext) -> str:
    now = datetime.now(UTC)
    since_ms = round((now - _LETTERS_SINCE).timestamp() * 1000)
    found = recent_dead_letters(kafka_properties(patient), patient.topic, since_ms)
    if found.last is None:
        return "none"
    last = f"the last {_ago(datetime.fromtimestamp(found.last.time_ms / 1000, UTC))} ({found.last.source})"
    if found.last.time_ms < since_ms:
        return f"none in the last 24 hours, {last}"
    raise CheckWarning(
        f"at most {found.at_most} in the last 24 hours, {last}: {found.last.reason}",
        f"mend the producer, or the definition with `tfstream streams set {patient.topic}`",
    )


def feeds(patient: CheckContext) -> str:
    found = []
    for consumer, topic in (
        ("record", patient.topic),
        ("sink", topics.anomalies_topic(patient.topic)),
    ):
        ends = topic_ends(kafka_properties(patient), topic)
        with connection(patient) as opened:
            stored = progress.next_offsets(opened, consumer, topic)
        behind = sum(end - stored.get(partition, 0) for partition, end in ends.items())
        found.append(_behind(consumer, behind) if stored else f"{consumer} has not begun")
    return ", ".join(found)


def _behind(consumer: str, offsets: int) -> str:
    """The ends of transactions have offsets, too, and stand behind the last record."""
    return f"{consumer} at most {offsets} records behind" if offsets else f"{consumer} up to date"


def freshness(patient: CheckContext) -> str:
    stream = stream_of(patient)
    with connection(patient) as opened:
        newest = (readings.newest_at(opened, stream.id), scores.newest_at(opened, stream.id))
    said = f"last reading {_ago(newest[0])}, last score {_ago(newest[1])}"
    remedies = [
        remedy.format(topic=patient.topic)
        for moment, remedy in zip(newest, _STALE_REMEDIES, strict=True)
        if moment is not None and datetime.now(UTC) - moment > _stale_after(stream.definition)
    ]
    if remedies:
        raise CheckWarning(said, "; ".join(remedies))
    return said


def _stale_after(definition: StreamDefinition) -> timedelta:
    """Rows come when the lateness has passed, scores every eight rows: this is nearly four times as long."""
    waited_us = _STALE_ROWS * definition.interval_us + definition.lateness_us
    return max(_STALE_AT_LEAST, timedelta(microseconds=waited_us))


def _ago(moment: datetime | None) -> str:
    if moment is None:
        return "never"
    minutes = round((datetime.now(UTC) - moment).total_seconds() / 60)
    said = (
        f"{minutes} min"
        if minutes < 120
        else f"{minutes // 60} h"
        if minutes < 2880
        else f"{minutes // 1440} d"
    )
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} ({said} ago)"
