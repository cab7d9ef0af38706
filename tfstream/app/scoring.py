"""The windows of all assets through the detector as one batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Values
from tfstream.core.track import Window

if TYPE_CHECKING:  # torch takes two seconds to import: most commands do without
    from tfstream.model.detector import Detector, Measurement


class Champion(NamedTuple):
    """A loaded model and what events say of it."""

    detector: Detector
    version: int
    sha256: str


class Terms(NamedTuple):
    """The raw error terms of an asset's last window, which ended with row ``end_index``."""

    end_index: int
    values: tuple[float, ...]


class Candidate(NamedTuple):
    """A window to be scored, after the terms of the asset's window before, where there are any."""

    partition: int
    asset: str
    window: Window
    before: Terms | None


class Scored(NamedTuple):
    """One window's score and its sensors: ``shares``, ``actual`` and ``expected`` are ``[sensors]``."""

    score: float
    terms: Terms
    shares: Values
    actual: Values
    expected: Values


def score_batch(detector: Detector, batch: Sequence[Candidate]) -> list[Scored]:
    """Scores in the order of the batch; an asset may stand in it several times, in the order of its log."""
    if not batch:
        return []
    values = np.stack([candidate.window.values for candidate in batch])  # [batch, rows, sensors]
    measured = detector.measure(values, [candidate.asset for candidate in batch])
    scores = detector.fuse(measured.terms, _previous(batch, measured, detector.hop_rows))
    return [
        Scored(
            float(scores[i]),
            Terms(candidate.window.end_index, tuple(measured.terms[i].tolist())),
            measured.share[i],
            measured.actual[i],
            measured.expected[i],
        )
        for i, candidate in enumerate(batch)
    ]


def _previous(batch: Sequence[Candidate], measured: Measurement, hop: int) -> NDArray[np.float32]:
    """``[batch, terms]`` of the window one hop earlier; where there is none, the window's own."""
    previous = measured.terms.copy()
    newest: dict[tuple[int, str], tuple[int, NDArray[np.float32]]] = {}
    for i, (partition, asset, window, before) in enumerate(batch):
        earlier = newest.get((partition, asset))
        if earlier is None and before is not None:
            earlier = (before.end_index, np.array(before.values, dtype=np.float32))
        if earlier is not None and earlier[0] == window.end_index - hop:
            previous[i] = earlier[1]
        newest[partition, asset] = (window.end_index, measured.terms[i])
    return previous
