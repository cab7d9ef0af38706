"""The members of a consumer group, as its coordinator reports them."""

from __future__ import annotations

from typing import NamedTuple

from confluent_kafka import ConsumerGroupState

from tfstream.streaming.connection.client import new_admin
from tfstream.streaming.connection.properties import Properties
from tfstream.streaming.connection.retry import call_with_retry

_STABLE = (ConsumerGroupState.STABLE, ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD)
_REQUEST_S = 5.0
_RESULT_S = _REQUEST_S + 5.0  # librdkafka answers after its own timeout; this one only ends a wait for ever
_TIMEOUT_S = 10.0


class Group(NamedTuple):
    """``members`` have partitions, ``idle`` members have none; ``stable`` unless the group rebalances."""

    members: int
    idle: int
    stable: bool


def describe_group(properties: Properties, group: str) -> Group:
    """Ask the coordinator.

    :raises UnsupportedRequest: when the broker does not describe groups, as librdkafka's mock cluster.
    :raises ServiceUnavailable: when the coordinator does not answer.
    :raises AccessDenied: when this user may not describe the group.
    """
    admin = new_admin(properties)
    description = call_with_retry(
        lambda: admin.describe_consumer_groups([group], request_timeout=_REQUEST_S)[group].result(_RESULT_S),
        properties,
        f"DESCRIBE on group {group}",
        _TIMEOUT_S,
    )
    assigned = [
        len(member.assignment.topic_partitions) if member.assignment else 0 for member in description.members
    ]
    return Group(
        members=sum(count > 0 for count in assigned),
        idle=sum(count == 0 for count in assigned),
        stable=description.state
        in (ConsumerGroupState.STABLE, ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD),
    )
