#!/usr/bin/env python
"""Gives a Kafka user the least rights that one tfstream command needs.

    python ops/kafka/acls.py score --topic plant.sensors --principal User:scorer

Run it with tfstream installed and a user of Kafka's who may change the access list; it takes the same
TFSTREAM_KAFKA_ settings as tfstream. ``--print`` shows Kafka's own commands instead, ``--remove`` takes the
rights back. Giving rights twice does no harm.
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
from tfstream.streaming.client import new_admin
from tfstream.streaming.properties import Properties

COMMANDS = ("inspect", "replay", "record", "score", "sink", "check")
_TIMEOUT_S = 15.0
_RESOURCES = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional-id": ResourceType.TRANSACTIONAL_ID,
}


class Right(NamedTuple):
    """One line of Kafka's access list. READ and WRITE imply DESCRIBE."""

    operation: str
    resource: str
    name: str
    prefixed: bool = False


def rights(command: str, topic: str, *, group: str | None = None, create: bool = False) -> list[Right]:
    """What a command needs for a topic; with ``create`` also to make the topics that are missing."""
    made: list[str] = []
    found: list[Right] = []
    if command in ("inspect", "record", "score"):
        found.append(Right("READ", "topic", topic))
    if command == "replay":
        found.append(Right("WRITE", "topic", topic))
        made = [topic]
    if command == "record":
        found.append(Right("READ", "group", f"tfstream.record.{topic}"))
    if command in ("score", "sink"):
        found += _of_the_sink(topic)
        made = list(_outputs(topic))
    if command == "score":
        found += _of_the_scorer(topic, group)
    if command in ("sink", "check"):
        found += [Right("DESCRIBE", "topic", name) for name in (topic, *_outputs(topic))]
    if command == "check":
        found.append(Right("READ", "topic", topics.dead_letters_topic(topic)))  # the last one's reason
        found.append(Right("DESCRIBE", "group", group or f"tfstream.score.{topic}"))
    if create:
        found += [Right("CREATE", "topic", name) for name in made]
    if create and command == "score":  # the state topic gets partitions when the source does
        found.append(Right("ALTER", "topic", topics.state_topic(topic)))
    return found


def _outputs(topic: str) -> tuple[str, ...]:
    return (
        topics.anomalies_topic(topic),
        topics.scores_topic(topic),
        topics.state_topic(topic),
        topics.dead_letters_topic(topic),
    )


def _of_the_scorer(topic: str, group: str | None) -> list[Right]:
    """The transactional id ends with the process's slot: a prefix serves all of them."""
    return [
        *(Right("WRITE", "topic", name) for name in _outputs(topic)),
        Right("READ", "topic", topics.state_topic(topic)),
        Right("READ", "group", group or f"tfstream.score.{topic}"),
        Right("WRITE", "transactional-id", f"tfstream.{topic}.", prefixed=True),
    ]


def _of_the_sink(topic: str) -> list[Right]:
    read = (topics.anomalies_topic(topic), topics.scores_topic(topic))
    return [
        *(Right("READ", "topic", name) for name in read),
        *(Right("READ", "group", f"tfstream.sink.{name}") for name in read),
    ]


def as_command(right: Right, principal: str) -> str:
    """The same with Kafka's own tool."""
    words = [
        "kafka-acls.sh",
        "--bootstrap-server",
        "HOST:PORT",
        "--command-config",
        "admin.properties",
        "--add",
    ]
    words += [
        "--allow-principal",
        principal,
        "--operation",
        right.operation,
        f"--{right.resource}",
        right.name,
    ]
    return shlex.join(words + (["--resource-pattern-type", "prefixed"] if right.prefixed else []))


def change(properties: Properties, wanted: Sequence[Right], principal: str, *, remove: bool = False) -> None:
    """Put the rights on the access list of a cluster, or take them off."""
    admin = new_admin(properties)
    lines = [_line(right, principal) for right in wanted]
    if remove:
        changes = [*admin.delete_acls([AclBindingFilter(*line) for line in lines]).values()]
    else:
        changes = [*admin.create_acls([AclBinding(*line) for line in lines]).values()]
    for done in changes:
        done.result(_TIMEOUT_S)


def _line(
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
    parser.add_argument("--group", help="of score and check, when it is not the usual one")
    parser.add_argument(
        "--create-topics", action="store_true", help="it may make the topics that are missing"
    )
    parser.add_argument("--print", action="store_true", help="only show Kafka's own commands")
    parser.add_argument("--remove", action="store_true", help="take the rights back")
    asked = parser.parse_args(arguments)
    wanted = rights(asked.command, asked.topic, group=asked.group, create=asked.create_topics)
    if asked.print:
        print("\n".join(as_command(right, asked.principal) for right in wanted))
        return 0
    try:
        change(config.load().require_kafka(), wanted, asked.principal, remove=asked.remove)
    except KafkaException as error:
        print(f"error: the access list was not changed: {error.args[0].str()}", file=sys.stderr)
        return 1
    except TfstreamError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
