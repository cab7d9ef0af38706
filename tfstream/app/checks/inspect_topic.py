"""``tfstream inspect``: a look at a topic, and the stream definition that follows from it."""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from confluent_kafka import KafkaError, TopicPartition

from tfstream.app.files.sensor_table import guess_interval_us
from tfstream.core.messages.codec import Codec
from tfstream.core.messages.infer_format import InferredFormat, infer_format
from tfstream.core.reading import InvalidReading, Reading
from tfstream.core.stream import Layout, StreamDefinition, TimeUnit
from tfstream.errors import BadData
from tfstream.streaming.client import Properties, new_consumer
from tfstream.streaming.kafka_errors import read_denied
from tfstream.streaming.records import Record, to_record
from tfstream.streaming.topics import require_topic

_SOME = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Inspection:
    """What a sample of a topic shows; ``definition`` is None when that is not enough to read it by."""

    topic: str
    partitions: int
    sampled: int
    unreadable: int
    assets: tuple[str, ...]
    definition: StreamDefinition | None
    problems: tuple[str, ...]


def inspect(properties: Properties, topic: str, *, most: int = 3000, timeout_s: float = 15.0) -> Inspection:
    """Look at the newest messages of every partition; nothing is committed.

    :raises ConfigurationError: when there is no such topic.
    :raises BadData: when it is empty, or nothing in it is JSON or MessagePack.
    """
    partitions = require_topic(properties, topic)
    records = _sample(properties, topic, partitions, most, timeout_s)
    if not records:
        raise BadData(f"topic {topic} is empty; send some readings first")
    found = infer_format([record.value for record in records if record.value])
    if found is None or not found.sensors:
        raise BadData(
            f"nothing in {len(records)} messages of {topic} is a JSON or MessagePack map of numbers"
        )
    problems = _format_problems(found, len(records))
    probe = _definition(topic, found, interval_us=1)
    readings = _decoded(probe, records)
    interval_us = (
        guess_interval_us([one.asset for _, one in readings], _times(readings)) if readings else None
    )
    if interval_us is None:
        problems.append("no asset has two readings in the sample: the sampling interval cannot be told")
    problems += _reading_problems(readings, probe.sensors)
    return Inspection(
        topic=topic,
        partitions=partitions,
        sampled=len(records),
        unreadable=len(records) - len(readings),
        assets=tuple(sorted({one.asset for _, one in readings})),
        definition=None if interval_us is None else _definition(topic, found, interval_us),
        problems=tuple(problems),
    )


def _sample(properties: Properties, topic: str, partitions: int, most: int, timeout_s: float) -> list[Record]:
    """The newest messages, the same number from each partition."""
    consumer = new_consumer(properties, f"tfstream.inspect.{uuid.uuid4()}")
    try:
        starts = []
        for partition in range(partitions):
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=timeout_s)
            starts.append(TopicPartition(topic, partition, max(low, high - most // partitions)))
        consumer.assign(starts)
        records, ended, deadline = [], set[int](), time.monotonic() + timeout_s
        while len(ended) < partitions and time.monotonic() < deadline:
            for message in consumer.consume(500, timeout=0.2):
                error = message.error()
                if error is None:
                    records.append(to_record(message))
                elif error.code() == KafkaError._PARTITION_EOF:
                    ended.add(message.partition() or 0)
                else:
                    denied = read_denied(properties, error, topic)
                    if denied is not None:
                        raise denied
        return records
    finally:
        consumer.close()


def _definition(topic: str, found: InferredFormat, interval_us: int) -> StreamDefinition:
    return StreamDefinition(
        topic=topic,
        sensors=found.sensors,
        interval_us=interval_us,
        layout=found.layout,
        encoding=found.encoding,
        time_field=found.time_field or "ts",
        time_unit=TimeUnit.AUTO if found.time_field else TimeUnit.RECORD,
        asset_field=found.asset_field or "asset",
    )


def _decoded(definition: StreamDefinition, records: Sequence[Record]) -> list[tuple[int, Reading]]:
    """The readable ones, each with its partition."""
    codec = Codec(definition)
    readings = []
    for record in records:
        try:
            readings.append((record.partition, codec.decode(record.value, record.key, record.time_ms)))
        except InvalidReading:
            continue
    return readings


def _times(readings: Sequence[tuple[int, Reading]]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([one.time_us for _, one in readings], dtype=np.int64)


def _format_problems(found: InferredFormat, sampled: int) -> list[str]:
    problems = []
    if found.unreadable:
        problems.append(
            f"{found.unreadable} of {sampled} messages are no {found.encoding} maps: dead letters"
        )
    if found.time_field is None:
        problems.append("no field holds the time: the Kafka record's own timestamp is taken")
    if found.layout is Layout.NESTED and found.sensors[0] == "sensor_1":
        problems.append("the values are a list without names: give them with --sensors")
    return problems


def _reading_problems(readings: Sequence[tuple[int, Reading]], sensors: tuple[str, ...]) -> list[str]:
    if not readings:
        return ["no message could be decoded as a reading"]
    problems = []
    places = defaultdict(set)
    for partition, one in readings:
        places[one.asset].add(partition)
    scattered = sorted(asset for asset, found in places.items() if len(found) > 1)
    if scattered:
        problems.append(
            f"assets on several partitions ({', '.join(scattered[:_SOME])}): key the messages by asset, "
            f"or each partition builds windows of its own"
        )
    backward = _backward(readings)
    if backward:
        problems.append(f"{backward} readings are older than the one before of their asset: set --lateness")
    values = np.stack([one.values for _, one in readings])
    known = ~np.isnan(values)
    lowest = np.where(known, values, np.inf).min(axis=0)
    highest = np.where(known, values, -np.inf).max(axis=0)
    still = lowest == highest
    if still.any() and len(readings) > 1:
        problems.append(f"constant in the sample: {_some(sensors, still)}")
    mostly = np.isnan(values).mean(axis=0) > 0.5
    if mostly.any() and not mostly.all():
        problems.append(f"missing in most messages: {_some(sensors, mostly)}")
    return problems


def _backward(readings: Sequence[tuple[int, Reading]]) -> int:
    newest: dict[str, int] = {}
    backward = 0
    for _, one in readings:
        backward += one.time_us < newest.get(one.asset, 0)
        newest[one.asset] = max(one.time_us, newest.get(one.asset, 0))
    return backward


def _some(sensors: tuple[str, ...], chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> str:
    names = [sensors[i] for i in np.flatnonzero(chosen)]
    return ", ".join(names[:_SOME]) + (f" and {len(names) - _SOME} more" if len(names) > _SOME else "")
