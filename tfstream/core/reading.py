"""One decoded message, or why it cannot be used."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]
Times = NDArray[np.int64]


class Reading(NamedTuple):
    """What one message says: an asset's sensors at one moment.

    ``time_us`` is event time in microseconds since 1970 UTC; ``values`` has shape ``[sensors]`` in the
    order of the stream definition, NaN where the message says nothing.
    """

    asset: str
    time_us: int
    values: Values


_ZEROS: Values = np.zeros(4096, dtype=np.float32)


def is_complete(values: Values) -> bool:
    """Whether every sensor of ``values [sensors]`` says something finite.

    NaN times nothing is NaN, and so is infinity: for one row a fifth of the time of looking for them.
    """
    if len(values) > len(_ZEROS):
        return bool(np.isfinite(values).all())
    with np.errstate(invalid="ignore"):
        nothing = values.dot(_ZEROS[: len(values)])
    return bool(nothing == nothing)


MAX_ASSET_LENGTH = 200


def is_asset_name(name: str) -> bool:
    """Whether an asset can be called so: it is a key in Kafka and in Postgres, and people read it."""
    return 0 < len(name) <= MAX_ASSET_LENGTH and name.isprintable()


class InvalidReading(Exception):
    """A message that cannot be read; the text is the reason that goes to the dead letters."""


class Series(NamedTuple):
    """All readings of one asset over a span: ``times_us [rows]`` ascending, ``values [rows, sensors]``."""

    asset: str
    times_us: Times
    values: Values
