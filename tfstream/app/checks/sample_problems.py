"""What a sample of a topic shows that would make its scores worse, in words for the operator."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.app.runtime.human_units import counted
from tfstream.core.messages.infer_format import InferredFormat
from tfstream.core.reading import Reading, Times, Values
from tfstream.core.stream import Layout

_MAX_NAMES = 3  # in one problem


class SampledReading(NamedTuple):
    """A reading and the partition that it comes from."""

    partition: int
    reading: Reading


def times_us(readings: Sequence[SampledReading]) -> Times:
    """``[readings]``, in microseconds since 1970."""
    return np.array([sampled.reading.time_us for sampled in readings], dtype=np.int64)


def format_problems(inferred: InferredFormat, sampled: int) -> list[str]:
    """Problems of the messages' format in a sample of ``sampled`` messages."""
    problems = []
    if inferred.unreadable:
        problems.append(
            f"{inferred.unreadable} of {counted(sampled, 'message')} would be dead letters: "
            f"not {inferred.encoding} maps"
        )
    if inferred.time_field is None:
        problems.append("no field holds the time: the timestamps of the Kafka records are used")
    if inferred.layout is Layout.NESTED and inferred.sensors[0] == "sensor_1":
        problems.append("the values are a list without sensor names: name the sensors with --sensors")
    return problems


def reading_problems(readings: Sequence[SampledReading], sensors: tuple[str, ...]) -> list[str]:
    """Problems of the decoded readings."""
    if not readings:
        return ["no message could be decoded as a reading"]
    values = np.stack([sampled.reading.values for sampled in readings])
    return [*_partition_problems(readings), *_order_problems(readings), *_value_problems(values, sensors)]


def _partition_problems(readings: Sequence[SampledReading]) -> list[str]:
    partitions = defaultdict(set)
    for partition, reading in readings:
        partitions[reading.asset].add(partition)
    scattered = sorted(asset for asset, numbers in partitions.items() if len(numbers) > 1)
    if not scattered:
        return []
    return [
        f"assets on several partitions ({', '.join(scattered[:_MAX_NAMES])}): use the asset as the key of "
        f"each message, or each partition builds windows of its own"
    ]


def _order_problems(readings: Sequence[SampledReading]) -> list[str]:
    newest_us: dict[str, int] = {}
    late = 0
    for _, reading in readings:
        late += reading.time_us < newest_us.get(reading.asset, 0)
        newest_us[reading.asset] = max(reading.time_us, newest_us.get(reading.asset, 0))
    if not late:
        return []
    subject = "1 reading is" if late == 1 else f"{late} readings are"
    return [f"{subject} older than an earlier reading of the same asset: set --lateness"]


def _value_problems(values: Values, sensors: tuple[str, ...]) -> list[str]:
    """Of ``values [readings, sensors]``: sensors that never change, or have no value in most readings."""
    problems = []
    known = ~np.isnan(values)
    lowest = np.where(known, values, np.inf).min(axis=0)
    highest = np.where(known, values, -np.inf).max(axis=0)
    constant = lowest == highest
    if constant.any() and len(values) > 1:
        problems.append(f"constant in the sample: {_names(sensors, constant)}")
    mostly_missing = np.isnan(values).mean(axis=0) > 0.5
    if mostly_missing.any() and not mostly_missing.all():
        problems.append(f"missing in most messages: {_names(sensors, mostly_missing)}")
    return problems


def _names(sensors: tuple[str, ...], chosen: NDArray[np.bool_]) -> str:
    names = [sensors[index] for index in np.flatnonzero(chosen)]
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(names[:_MAX_NAMES]) + more
