"""Checks of a stream's scorers: their consumer group, its lag, and the messages that they could not read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tfstream.app.checks.check_context import CheckContext, CheckWarning, kafka_properties, scoring_group
from tfstream.app.checks.time_ago import time_ago
from tfstream.app.runtime.human_units import counted
from tfstream.core.state import decode_metadata
from tfstream.errors import BadData, UnsupportedRequest
from tfstream.streaming.consumer.dead_letters import recent_dead_letters
from tfstream.streaming.consumer.group import describe_group
from tfstream.streaming.consumer.offsets import GroupOffset, group_offsets

_DEAD_LETTERS_FOR = timedelta(hours=24)


def scorers(context: CheckContext) -> str:
    """At least one scorer is a member of the scoring group, and every member has a partition."""
    try:
        group = describe_group(kafka_properties(context), scoring_group(context))
    except UnsupportedRequest as error:
        detail, _, remedy = str(error).partition("; ")
        raise CheckWarning(f"unknown: {detail}", remedy) from None
    total = group.members + group.idle
    if not total:
        raise CheckWarning("no scorer is running", f"run `tfstream score --topic {context.topic}`")
    if not group.stable:
        raise CheckWarning(
            f"{_scorers(total)}, and the group is assigning the partitions",
            "check again in a moment; if it lasts for minutes, the scorers' logs say which members join and "
            "leave",
        )
    if group.idle:
        raise CheckWarning(
            f"{group.idle} of {_scorers(total)} without a partition",
            f"run at most as many scorers as {context.topic} has partitions, unless the others are spares",
        )
    return f"{_scorers(group.members)} at work"


def _scorers(count: int) -> str:
    return counted(count, "scorer")


def lag(context: CheckContext) -> str:
    """The number of messages that the scorers have not committed yet; a warning before the first commit."""
    offsets = _group_offsets(context).values()
    if all(partition.offset < 0 for partition in offsets):
        raise CheckWarning("no scorer has committed yet", f"run `tfstream score --topic {context.topic}`")
    behind = sum(max(partition.end - max(partition.offset, 0), 0) for partition in offsets)
    return f"the scorers are {counted(behind, 'message')} behind"


def dead_letter_limit(context: CheckContext) -> str:
    """No partition is stopped at its dead-letter limit, according to the scorers' last commits."""
    stopped = {number: offset for number, offset in _group_offsets(context).items() if _is_stopped(offset)}
    if not stopped:
        return "no partition is stopped"
    partitions = ", ".join(f"partition {number} at offset {at.offset}" for number, at in stopped.items())
    raise BadData(
        f"stopped: {partitions}, and nothing from there on is scored; correct the producer, or the "
        f"definition with `tfstream streams set {context.topic}`, and start the scorers again "
        f"(docs/messages.md)"
    )


def _group_offsets(context: CheckContext) -> dict[int, GroupOffset]:
    return group_offsets(kafka_properties(context), context.topic, scoring_group(context))


def _is_stopped(committed: GroupOffset) -> bool:
    metadata = decode_metadata(committed.metadata)
    return metadata is not None and metadata.at_dead_letter_limit is True and committed.end > committed.offset


def dead_letters(context: CheckContext) -> str:
    """No dead letter was written in the last 24 hours."""
    now = datetime.now(UTC)
    since_ms = round((now - _DEAD_LETTERS_FOR).timestamp() * 1000)
    recent = recent_dead_letters(kafka_properties(context), context.topic, since_ms)
    if recent.last is None:
        return "none"
    written_at = datetime.fromtimestamp(recent.last.time_ms / 1000, UTC)
    last = f"the last {time_ago(written_at, now)} ({recent.last.source})"
    if recent.last.time_ms < since_ms:
        return f"none in the last 24 hours, {last}"
    raise CheckWarning(
        f"at most {recent.at_most} in the last 24 hours, {last}: {recent.last.reason}",
        f"correct the producer, or the definition with `tfstream streams set {context.topic}`",
    )
