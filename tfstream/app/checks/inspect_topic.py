"""``tfstream inspect``: samples a topic and derives a stream definition from the sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tfstream.app.checks.sample_problems import SampledReading, format_problems, reading_problems, times_us
from tfstream.app.files.sampling_interval import infer_interval_us
from tfstream.core.messages.codec import Codec
from tfstream.core.messages.infer_format import InferredFormat, infer_format
from tfstream.core.reading import InvalidReading
from tfstream.core.stream import StreamDefinition, TimeUnit
from tfstream.errors import BadData
from tfstream.streaming.connection.properties import Properties
from tfstream.streaming.consumer.topic_sample import newest_records
from tfstream.streaming.records import Record
from tfstream.streaming.topics import require_topic


@dataclass(frozen=True, kw_only=True, slots=True)
class Inspection:
    """What a sample of a topic shows; ``definition`` is None when the sample does not determine it."""

    topic: str
    partitions: int
    sampled: int
    unreadable: int
    assets: tuple[str, ...]
    definition: StreamDefinition | None
    problems: tuple[str, ...]


def inspect(
    properties: Properties, topic: str, *, max_records: int = 3000, timeout_s: float = 15.0
) -> Inspection:
    """Sample the newest messages of every partition; commits nothing.

    :raises ConfigurationError: when the topic does not exist.
    :raises BadData: when the topic is empty, or no message in it is a JSON or MessagePack map.
    """
    partitions = require_topic(properties, topic)
    records = newest_records(properties, topic, partitions, max_records=max_records, timeout_s=timeout_s)
    inferred = _infer_from(records, topic)
    readings = _decode_readable(_definition(topic, inferred, interval_us=1), records)
    interval_us = _sampling_interval_us(readings)
    problems = format_problems(inferred, len(records))
    if interval_us is None:
        problems.append("no asset has two readings in the sample: the sampling interval is unknown")
    problems += reading_problems(readings, inferred.sensors)
    return Inspection(
        topic=topic,
        partitions=partitions,
        sampled=len(records),
        unreadable=len(records) - len(readings),
        assets=tuple(sorted({sampled.reading.asset for sampled in readings})),
        definition=None if interval_us is None else _definition(topic, inferred, interval_us),
        problems=tuple(problems),
    )


def _infer_from(records: Sequence[Record], topic: str) -> InferredFormat:
    if not records:
        raise BadData(f"topic {topic} is empty; send some readings first")
    inferred = infer_format([record.value for record in records if record.value])
    if inferred is None or not inferred.sensors:
        raise BadData(
            f"none of {len(records)} messages of {topic} is a JSON or MessagePack map that holds numbers"
        )
    return inferred


def _definition(topic: str, inferred: InferredFormat, interval_us: int) -> StreamDefinition:
    return StreamDefinition(
        topic=topic,
        sensors=inferred.sensors,
        interval_us=interval_us,
        layout=inferred.layout,
        encoding=inferred.encoding,
        time_field=inferred.time_field or "ts",
        time_unit=TimeUnit.AUTO if inferred.time_field else TimeUnit.RECORD,
        asset_field=inferred.asset_field or "asset",
    )


def _decode_readable(definition: StreamDefinition, records: Sequence[Record]) -> list[SampledReading]:
    codec = Codec(definition)
    readings = []
    for record in records:
        try:
            reading = codec.decode(record.value, record.key, record.time_ms)
        except InvalidReading:
            continue
        readings.append(SampledReading(record.partition, reading))
    return readings


def _sampling_interval_us(readings: Sequence[SampledReading]) -> int | None:
    if not readings:
        return None
    return infer_interval_us([sampled.reading.asset for sampled in readings], times_us(readings))
