"""Where partitions begin and end at present, asked of all of them at once."""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, TopicPartition


def first_offsets(
    consumer: Consumer, topic: str, partitions: Sequence[int], timeout_s: float
) -> dict[int, int]:
    """The first offset of each that is still stored.

    :raises KafkaException: when a partition's broker does not say in time.
    """
    return _looked_up(consumer, topic, partitions, OFFSET_BEGINNING, timeout_s)


def end_offsets(
    consumer: Consumer, topic: str, partitions: Sequence[int], timeout_s: float
) -> dict[int, int]:
    """The end of what the consumer may read of each: with read_committed, before any open transaction.

    :raises KafkaException: when a partition's broker does not say in time.
    """
    return _looked_up(consumer, topic, partitions, OFFSET_END, timeout_s)


def _looked_up(
    consumer: Consumer, topic: str, partitions: Sequence[int], place: int, timeout_s: float
) -> dict[int, int]:
    """One request to each broker: Kafka looks up times, and the ends under numbers that are no times."""
    if not partitions:
        return {}
    places = [TopicPartition(topic, partition, place) for partition in partitions]
    found = consumer.offsets_for_times(places, timeout=timeout_s)
    for entry in found:
        if entry.error is not None:
            raise KafkaException(entry.error)
    return {entry.partition: entry.offset for entry in found}
