"""Each sensor's share of an episode: the evidence against it, summed over the hops with falling weights.

Evidence counts and not the score, because the score stays high for some hops after a short fault, when the
readings no longer show which sensor failed. The n-th hop of an episode has the weight 1/n: the question is
which sensor began the episode, and the longer it lasts, the more other sensors follow or change by
themselves.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tfstream.core.messages.anomaly_event import SensorShare, rounded

_MOST_SENSORS = 5


def merge_hop(
    before: Iterable[SensorShare], sensors: Iterable[SensorShare], hop_number: int
) -> tuple[SensorShare, ...]:
    """The shares of an episode after its ``hop_number``-th hop, the largest first.

    A sensor's values are those of the latest hop whose evidence exceeds the sum of all hops before it.
    """
    known = {sensor.name: sensor for sensor in before}
    new = {sensor.name: sensor for sensor in sensors}
    merged = [_merge_sensor(known.get(name), new.get(name), hop_number) for name in known | new]
    return with_shares(merged)[:_MOST_SENSORS]


def with_shares(sensors: Iterable[SensorShare]) -> tuple[SensorShare, ...]:
    """The sensors with their shares of the total evidence, the largest first."""
    ordered = tuple(sorted(sensors, key=lambda sensor: (-sensor.evidence, sensor.name)))
    total = sum(sensor.evidence for sensor in ordered)
    if not total:
        return ordered
    return tuple(
        msgspec.structs.replace(sensor, share=rounded(sensor.evidence / total)) for sensor in ordered
    )


def _merge_sensor(old: SensorShare | None, new: SensorShare | None, hop_number: int) -> SensorShare:
    strongest = new if old is None or (new is not None and new.evidence > old.evidence) else old
    assert strongest is not None
    evidence = (old.evidence if old else 0.0) + (new.evidence / hop_number if new else 0.0)
    return msgspec.structs.replace(strongest, evidence=rounded(evidence))
