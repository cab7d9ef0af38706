"""The undisturbed pass: the same log, scored and recorded by one process each, without a fault."""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, Producer, TopicPartition

from tests.studies.chaos import kafka_records
from tests.studies.chaos.chaos_services import ChaosServices
from tests.studies.chaos.reading_rounds import PARTITIONS
from tfstream.streaming.topics import ensure_topic

_LARGEST = 1_048_000
_PASS_S = 1800.0


def create_source_topic(bootstrap: str, topic: str) -> None:
    """A source topic without retention: its records have the times of the readings, which are long past."""
    ensure_topic({"bootstrap.servers": bootstrap}, topic, PARTITIONS, {"retention.ms": "-1"})


def copy_log(source: str, target: str, topic: str) -> int:
    """Copy every record, with its time, to the same partition and offset of another broker.

    Returns the number of records.
    """
    create_source_topic(target, topic)
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
    ends = [kafka_records.end_offsets(bootstrap, topic) for bootstrap in (source, target)]
    assert ends[0] == ends[1], "the copy has other offsets"
    return copied


def run_undisturbed(services: ChaosServices, topic: str) -> None:
    """Score and record the copied log once, to its end, into the undisturbed database."""
    commands = ("record", "score")
    started = [
        services.undisturbed_commands.start(command, "--topic", topic, "--until-end") for command in commands
    ]
    for process in started:
        output, _ = process.communicate(timeout=_PASS_S)
        assert process.returncode == 0, f"the undisturbed pass failed: {output}"


def read_log(bootstrap: str, topic: str) -> Sequence[Message]:
    """All records of the topic, each partition in its order."""
    consumer: Consumer = kafka_records.new_reader(bootstrap, "read_committed")
    unfinished = set(range(PARTITIONS))
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in unfinished])
    messages: list[Message] = []
    try:
        while unfinished:
            for message in consumer.consume(1000, timeout=0.2):
                error = message.error()
                if error is None:
                    messages.append(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    unfinished.discard(message.partition() or 0)
    finally:
        consumer.close()
    return messages
