#!/usr/bin/env python
"""Grants a Kafka user the least rights that one tfstream command needs.

    python ops/kafka/acls.py score --topic plant.sensors --principal User:scorer

Run it where tfstream is installed, as a Kafka user who may change the access list. It reads the same
TFSTREAM_KAFKA_ settings as tfstream. ``--print`` only shows Kafka's own commands, ``--remove`` revokes the
rights. Granting a right twice does no harm.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from tfstream import config
from tfstream.errors import TfstreamError
from tfstream.streaming import topics
from tfstream.streaming.connection.client import new_admin
from tfstream.streaming.connection.properties import Properties

COMMANDS = ("inspect", "replay", "record", "score", "sink", "check")
_TIMEOUT_S = 15.0
_RESOURCES = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional-id": ResourceType.TRANSACTIONAL_ID,
}


class Right(NamedTuple):
    """One entry of Kafka's access list. READ and WRITE imply DESCRIBE."""

    operation: str
    resource: str
    name: str
    prefixed: bool = False


def rights(command: str, topic: str, *, group: str | None = None, create: bool = False) -> list[Right]:
    """The rights that a command needs for a topic; with ``create`` also to create the missing topics."""
    to_create: list[str] = []
    needed: list[Right] = []
    if command in ("inspect", "record", "score"):
        needed.append(Right("READ", "topic", topic))
    if command == "replay":
        needed.append(Right("WRITE", "topic", topic))
        to_create = [topic]
    if command == "record":
        needed.append(Right("READ", "group", f"tfstream.record.{topic}"))
    if command in ("score", "sink"):
        needed += _sink_rights(topic)
        to_create = list(_outputs(topic))
    if command == "score":
        needed += _scorer_rights(topic, group)
    if command in ("sink", "check"):
        needed += [Right("DESCRIBE", "topic", name) for name in (topic, *_outputs(topic))]
    if command == "check":
        needed.append(Right("READ", "topic", topics.dead_letters_topic(topic)))  # for its reasons
        needed.append(Right("DESCRIBE", "group", group or f"tfstream.score.{topic}"))
    if create:
        needed += [Right("CREATE", "topic", name) for name in to_create]
    if create and command == "score":  # the state topic gets more partitions when the source does
        needed.append(Right("ALTER", "topic", topics.state_topic(topic)))
    return needed


def _outputs(topic: str) -> tuple[str, ...]:
    return (
        topics.anomalies_topic(topic),
        topics.scores_topic(topic),
        topics.state_topic(topic),
        topics.dead_letters_topic(topic),
    )


def _scorer_rights(topic: str, group: str | None) -> list[Right]:
    """The transactional id ends with the process's slot: a prefix covers every slot."""
    return [
        *(Right("WRITE", "topic", name) for name in _outputs(topic)),
        Right("READ", "topic", topics.state_topic(topic)),
        Right("READ", "group", group or f"tfstream.score.{topic}"),
        Right("WRITE", "transactional-id", f"tfstream.{topic}.", prefixed=True),
    ]


def _sink_rights(topic: str) -> list[Right]:
    read = (topics.anomalies_topic(topic), topics.scores_topic(topic))
    return [
        *(Right("READ", "topic", name) for name in read),
        *(Right("READ", "group", f"tfstream.sink.{name}") for name in read),
    ]


def as_command(right: Right, principal: str) -> str:
    """The command of Kafka's own tool that grants the right."""
    arguments = [
        "kafka-acls.sh",
        "--bootstrap-server",
        "HOST:PORT",
        "--command-config",
        "admin.properties",
        "--add",
    ]
    arguments += [
        "--allow-principal",
        principal,
        "--operation",
        right.operation,
        f"--{right.resource}",
        right.name,
    ]
    return shlex.join(arguments + (["--resource-pattern-type", "prefixed"] if right.prefixed else []))


def change(properties: Properties, wanted: Sequence[Right], principal: str, *, remove: bool = False) -> None:
    """Add the rights to the cluster's access list, or remove them.

    :raises KafkaException: when the broker does not change the list.
    """
    admin = new_admin(properties)
    entries = [_entry(right, principal) for right in wanted]
    if remove:
        changes = [*admin.delete_acls([AclBindingFilter(*entry) for entry in entries]).values()]
    else:
        changes = [*admin.create_acls([AclBinding(*entry) for entry in entries]).values()]
    for pending in changes:
        pending.result(_TIMEOUT_S)


def _entry(
    right: Right, principal: str
) -> tuple[ResourceType, str, ResourcePatternType, str, str, AclOperation, AclPermissionType]:
    pattern = ResourcePatternType.PREFIXED if right.prefixed else ResourcePatternType.LITERAL
    resource, operation = _RESOURCES[right.resource], AclOperation[right.operation]
    return resource, right.name, pattern, principal, "*", operation, AclPermissionType.ALLOW


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--topic", required=True, help="the sensor topic")
    parser.add_argument("--principal", required=True, help="for example User:scorer")
    parser.add_argument("--group", help="the group of score and check, when it is not the default group")
    parser.add_argument(
        "--create-topics", action="store_true", help="also grant the rights to create the missing topics"
    )
    parser.add_argument("--print", action="store_true", help="only show Kafka's own commands")
    parser.add_argument("--remove", action="store_true", help="revoke the rights")
    options = parser.parse_args(arguments)
    wanted = rights(options.command, options.topic, group=options.group, create=options.create_topics)
    if options.print:
        print("\n".join(as_command(right, options.principal) for right in wanted))
        return 0
    try:
        change(config.load().require_kafka(), wanted, options.principal, remove=options.remove)
    except KafkaException as error:
        print(f"error: the access list was not changed: {error.args[0].str()}", file=sys.stderr)
        return 1
    except TfstreamError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
