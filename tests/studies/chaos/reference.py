"""The undisturbed pass: the same log under the same name on services that are left alone, read once."""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, Producer, TopicPartition

from tests.studies.chaos import records
from tests.studies.chaos.rounds import PARTITIONS
from tests.studies.chaos.stage import Stage
from tfstream.streaming.topics import ensure_topic

_LARGEST = 1_048_000
_PASS_S = 1800.0


def make_source(bootstrap: str, topic: str) -> None:
    """A source topic that retention leaves alone: its records' own times are those of the readings."""
    ensure_topic({"bootstrap.servers": bootstrap}, topic, PARTITIONS, {"retention.ms": "-1"})


def copy_log(source: str, target: str, topic: str) -> int:
    """Every record to the same partition and offset of another broker, with its time; how many there are."""
    make_source(target, topic)
    producer = Producer(
        {
            "bootstrap.servers": target,
            "enable.idempotence": True,
            "message.max.bytes": _LARGEST,
            "queue.buffering.max.kbytes": 1_000_000,
            "queue.buffering.max.messages": 0,
            "log_level": 0,
        }
    )
    copied = 0
    for message in read_log(source, topic):
        _, time_ms = message.timestamp()
        producer.produce(topic, message.value(), message.key(), message.partition() or 0, timestamp=time_ms)
        producer.poll(0)
        copied += 1
    assert producer.flush(120.0) == 0
    assert records.ends(source, topic) == records.ends(target, topic), "the copy has other offsets"
    return copied


def undisturbed(stage: Stage, topic: str) -> None:
    """Score and record the copy once, to its end, and fill the tables that are left alone."""
    commands = ("record", "score")
    started = [stage.quiet_commands.start(one, "--topic", topic, "--until-end") for one in commands]
    for process in started:
        said, _ = process.communicate(timeout=_PASS_S)
        assert process.returncode == 0, f"the undisturbed pass failed: {said}"


def read_log(bootstrap: str, topic: str) -> Sequence[Message]:
    """The whole topic, each partition in its order."""
    consumer: Consumer = records.new_reader(bootstrap, "read_committed")
    waiting = set(range(PARTITIONS))
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in waiting])
    found: list[Message] = []
    try:
        while waiting:
            for message in consumer.consume(1000, timeout=0.2):
                error = message.error()
                if error is None:
                    found.append(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    waiting.discard(message.partition() or 0)
    finally:
        consumer.close()
    return found
