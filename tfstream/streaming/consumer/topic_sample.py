"""A sample of a topic: its newest messages."""

from __future__ import annotations

import uuid

from confluent_kafka import Consumer, KafkaException, TopicPartition

from tfstream.streaming.connection.client import new_consumer
from tfstream.streaming.connection.kafka_errors import request_error
from tfstream.streaming.connection.properties import Properties
from tfstream.streaming.consumer.read_to_end import read_to_end
from tfstream.streaming.records import Record, to_record


def newest_records(
    properties: Properties, topic: str, partitions: int, *, max_records: int, timeout_s: float
) -> list[Record]:
    """About ``max_records`` of the newest records, the same number from each partition; commits nothing.

    :raises ServiceUnavailable: when the broker does not name a partition's offsets in time.
    :raises AccessDenied: when this user may not read the topic.
    """
    consumer = new_consumer(properties, f"tfstream.inspect.{uuid.uuid4()}")
    try:
        starts = _sample_starts(consumer, topic, partitions, max_records // partitions, timeout_s)
        return [to_record(message) for message in read_to_end(consumer, properties, starts, timeout_s)]
    except KafkaException as error:
        raise request_error(properties, error, f"READ on topic {topic}") from None
    finally:
        consumer.close()


def _sample_starts(
    consumer: Consumer, topic: str, partitions: int, records_each: int, timeout_s: float
) -> list[TopicPartition]:
    starts = []
    for partition in range(partitions):
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=timeout_s)
        starts.append(TopicPartition(topic, partition, max(low, high - records_each)))
    return starts
