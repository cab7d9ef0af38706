"""Who is to blame for an episode: the evidence against each sensor, added up over the hops.

A hop speaks by its evidence and not by its score: the score stays high for some hops after a short fault, while
nothing there tells any more who it was. And evidence counts by its root, which is a fault's size in deviations: by
the time a fault is largest it has often drawn others along, and the hops that saw it begin must still be heard.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tfstream.core.event import SensorShare, rounded

_MOST = 5


def joined(before: Iterable[SensorShare], sensors: Iterable[SensorShare]) -> tuple[SensorShare, ...]:
    """Shares of an episode with one more hop, the largest first.

    A sensor's values are those of the last hop that said more against it than all hops before.
    """
    known = {one.name: one for one in before}
    new = {one.name: one for one in sensors}
    found = [_joined(known.get(name), new.get(name)) for name in known | new]
    return shared(sorted(found, key=lambda one: (-one.evidence, one.name))[:_MOST])


def shared(sensors: Iterable[SensorShare]) -> tuple[SensorShare, ...]:
    """With each sensor's share of all their evidence."""
    found = tuple(sensors)
    total = sum(one.evidence for one in found)
    if not total:
        return found
    return tuple(msgspec.structs.replace(one, share=rounded(one.evidence / total)) for one in found)


def _joined(old: SensorShare | None, new: SensorShare | None) -> SensorShare:
    if old is None or new is None:
        found = old or new
        assert found is not None
        return found
    telling = new if new.evidence > old.evidence else old
    return msgspec.structs.replace(telling, evidence=rounded(old.evidence + new.evidence))
