"""Who is to blame for an episode: its hops' shares, each weighed by the hop's score.

The peak alone misleads: by then a fault has often drawn others along, or has just ended and everything jumps.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tfstream.core.event import SensorShare, rounded

_MOST = 5


def joined(
    before: Iterable[SensorShare], weight: float, sensors: Iterable[SensorShare], score: float
) -> tuple[SensorShare, ...]:
    """Shares of an episode with one more hop, the largest first.

    :param weight: the sum of the scores behind ``before``. A sensor's values are those of the hop that blamed
        it most.
    """
    known = {one.name: one for one in before}
    new = {one.name: one for one in sensors}
    found = [_joined(known.get(name), weight, new.get(name), score) for name in known | new]
    return tuple(sorted(found, key=lambda one: (-one.share, one.name))[:_MOST])


def _joined(old: SensorShare | None, weight: float, new: SensorShare | None, score: float) -> SensorShare:
    shares = (old.share if old else 0.0, new.share if new else 0.0)
    telling = new if new is not None and (old is None or new.share > old.share) else old
    assert telling is not None
    mean = (shares[0] * weight + shares[1] * score) / (weight + score)
    return msgspec.structs.replace(telling, share=rounded(mean))
