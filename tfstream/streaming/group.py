"""Who is in a consumer group, as its coordinator sees it."""

from __future__ import annotations

from typing import NamedTuple

from confluent_kafka import ConsumerGroupState

from tfstream.streaming.client import new_admin
from tfstream.streaming.properties import Properties
from tfstream.streaming.retry import call_with_retry

_CALL_S = 5.0
_TIMEOUT_S = 10.0


class Group(NamedTuple):
    """``members`` of a group with partitions, and ``idle`` ones without; ``stable`` unless it rebalances."""

    members: int
    idle: int
    stable: bool


def describe_group(properties: Properties, group: str) -> Group:
    """:raises ServiceUnavailable: when the coordinator does not answer."""
    admin = new_admin(properties)
    found = call_with_retry(
        lambda: admin.describe_consumer_groups([group], request_timeout=_CALL_S)[group].result(_CALL_S),
        properties,
        f"DESCRIBE on group {group}",
        _TIMEOUT_S,
    )
    assigned = [
        len(member.assignment.topic_partitions) if member.assignment else 0 for member in found.members
    ]
    return Group(
        members=sum(count > 0 for count in assigned),
        idle=sum(count == 0 for count in assigned),
        stable=found.state in (ConsumerGroupState.STABLE, ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD),
    )
