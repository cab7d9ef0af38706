"""The windows of all assets through the detector as one batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfstream.core.alarms.alarm_rule import AlarmRule
from tfstream.core.reading import Values, is_complete
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window

if TYPE_CHECKING:  # torch takes two seconds to import: most commands do without
    from tfstream.model.scoring.detector import Detector, Measurement


class Champion(NamedTuple):
    """A loaded model and what events say of it."""

    detector: Detector
    version: int
    sha256: str


class SmoothedTerms(NamedTuple):
    """The smoothed error terms of an asset's last window, which ended with row ``end_index``."""

    end_index: int
    values: tuple[float, ...]


class ScoringInput(NamedTuple):
    """A window to be scored, after the terms of the asset's window before, where there are any."""

    partition: int
    asset: str
    window: Window
    before: SmoothedTerms | None


class WindowScore(NamedTuple):
    """One window ``[rows, sensors]`` and its score; ``actual [sensors]`` are the newest hop's means."""

    score: float
    terms: SmoothedTerms
    asset: str
    window: Values
    actual: Values


def alarm_rule(definition: StreamDefinition, detector: Detector, asset: str | None = None) -> AlarmRule:
    """The rule of an asset under a detector; without an asset, of all that have no budget of their own."""
    budget = definition.alarm_budget_per_week if asset is None else definition.budget_of(asset)
    return AlarmRule(
        calibration=detector.calibration,
        budget_per_week=budget,
        interval_us=definition.interval_us,
        hop_rows=detector.hop_rows,
        min_duration_us=definition.min_duration_us,
    )


def scoreable(window: Values, detector: Detector) -> bool:
    """Whether a sensor that the detector knows alive said anything in the newest hop."""
    if is_complete(window[-1]):
        return bool(detector.live.any())
    newest = window[-detector.hop_rows :]
    return bool((~np.isnan(newest).all(axis=0) & detector.live).any())


def score_batch(detector: Detector, batch: Sequence[ScoringInput]) -> list[WindowScore]:
    """Scores in the order of the batch; an asset may stand in it several times, in the order of its log."""
    if not batch:
        return []
    values = np.stack([candidate.window.values for candidate in batch])  # [batch, rows, sensors]
    measured = detector.measure(values, [candidate.asset for candidate in batch])
    terms = _followed(detector, batch, measured)
    scores = detector.fuse(np.array([one.values for one in terms]), measured.usual)
    return [
        WindowScore(
            float(scores[i]),
            terms[i],
            candidate.asset,
            candidate.window.values,
            measured.actual[i],
        )
        for i, candidate in enumerate(batch)
    ]


def _followed(
    detector: Detector, batch: Sequence[ScoringInput], measured: Measurement
) -> list[SmoothedTerms]:
    """Terms smoothed over each asset's windows; they begin anew where one hop is missing."""
    followed: list[SmoothedTerms] = []
    newest: dict[tuple[int, str], SmoothedTerms] = {}
    for (partition, asset, window, before), raw in zip(batch, measured.terms, strict=True):
        earlier = newest.get((partition, asset), before)
        if earlier is not None and earlier.end_index != window.end_index - detector.hop_rows:
            earlier = None
        smoothed = detector.smooth(raw, earlier.values if earlier else None)
        followed.append(SmoothedTerms(window.end_index, tuple(smoothed.tolist())))
        newest[partition, asset] = followed[-1]
    return followed
