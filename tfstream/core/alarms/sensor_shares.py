"""Who is to blame for an episode: the evidence against each sensor, summed over the hops, early ones first.

A hop speaks by its evidence and not by its score: the score stays high for some hops after a short fault,
while nothing there tells any more who it was. And the n-th hop of an episode counts 1/n: who began it is
asked, and the longer it lasts, the more others are drawn along or do something of their own.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tfstream.core.messages.anomaly_event import SensorShare, rounded

_MOST = 5


def joined(
    before: Iterable[SensorShare], sensors: Iterable[SensorShare], place: int
) -> tuple[SensorShare, ...]:
    """Shares of an episode with one more hop, the ``place``-th, the largest first.

    A sensor's values are those of the last hop that said more against it than all hops before.
    """
    known = {one.name: one for one in before}
    new = {one.name: one for one in sensors}
    found = [_joined(known.get(name), new.get(name), place) for name in known | new]
    return shared(found)[:_MOST]


def shared(sensors: Iterable[SensorShare]) -> tuple[SensorShare, ...]:
    """With each sensor's share of all their evidence, the largest first."""
    found = tuple(sorted(sensors, key=lambda one: (-one.evidence, one.name)))
    total = sum(one.evidence for one in found)
    if not total:
        return found
    return tuple(msgspec.structs.replace(one, share=rounded(one.evidence / total)) for one in found)


def _joined(old: SensorShare | None, new: SensorShare | None, place: int) -> SensorShare:
    telling = new if old is None or (new is not None and new.evidence > old.evidence) else old
    assert telling is not None
    evidence = (old.evidence if old else 0.0) + (new.evidence / place if new else 0.0)
    return msgspec.structs.replace(telling, evidence=rounded(evidence))
