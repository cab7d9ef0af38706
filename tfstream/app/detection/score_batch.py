"""Scores the windows of all assets as one batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfstream.core.alarms.alarm_rule import AlarmRule
from tfstream.core.alarms.standing_levels import LevelShift, shifted_rows
from tfstream.core.reading import Values, is_complete
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window

if TYPE_CHECKING:  # torch takes two seconds to import: most commands do without
    from tfstream.model.scoring.detector import Detector, Measurement


class SmoothedTerms(NamedTuple):
    """The smoothed error terms of an asset's last window, which ends with row ``end_index``."""

    end_index: int
    values: tuple[float, ...]


class ScoringInput(NamedTuple):
    """A window to score; ``before`` are the terms of the asset's previous window, if there is one.

    With ``restarts`` they do not count: they have seen a sensor that is left out from this window on. The
    window is scored as it would be without the ``shifts`` of levels.
    """

    partition: int
    asset: str
    window: Window
    before: SmoothedTerms | None
    restarts: bool = False
    shifts: tuple[LevelShift, ...] = ()

    @property
    def values(self) -> Values:
        """The rows to score, ``[rows, sensors]``."""
        return shifted_rows(self.window.values, self.shifts, self.window.end_index)


class WindowScore(NamedTuple):
    """A score and the rows ``[rows, sensors]`` that it scores, less shifts that stand.

    ``actual [sensors]`` are the means of the newest hop, ``less [sensors]`` the shifts in its last row.
    """

    score: float
    terms: SmoothedTerms
    asset: str
    window: Values
    actual: Values
    less: Values | None = None


def alarm_rule(definition: StreamDefinition, detector: Detector, asset: str | None = None) -> AlarmRule:
    """The rule of an asset under a detector; without an asset, that of assets without their own budget."""
    budget = definition.alarm_budget_per_week if asset is None else definition.budget_of(asset)
    return AlarmRule(
        calibration=detector.calibration,
        budget_per_week=budget,
        interval_us=definition.interval_us,
        hop_rows=detector.hop_rows,
        min_duration_us=definition.min_duration_us,
        witnesses=detector.witnesses.admitted,
        instruments=True,
    )


def scoreable(window: Values, detector: Detector) -> bool:
    """Whether the newest hop of a window ``[rows, sensors]`` has a reading from a live sensor.

    Live sensors are those that had readings in training.
    """
    if is_complete(window[-1]):
        return bool(detector.live.any())
    newest = window[-detector.hop_rows :]
    return bool((~np.isnan(newest).all(axis=0) & detector.live).any())


def score_batch(detector: Detector, batch: Sequence[ScoringInput]) -> list[WindowScore]:
    """Scores in the order of the batch; several windows of an asset must be in the order of the log."""
    if not batch:
        return []
    rows = [each.values for each in batch]
    values = np.stack(rows)  # [batch, rows, sensors]
    measured = detector.measure(values, [each.asset for each in batch])
    terms = _smooth(detector, batch, measured)
    scores = detector.fuse(np.array([each.values for each in terms]), measured)
    return [
        WindowScore(
            float(scores[i]),
            terms[i],
            each.asset,
            rows[i],
            measured.actual[i],
            each.window.values[-1] - rows[i][-1] if each.shifts else None,
        )
        for i, each in enumerate(batch)
    ]


def _smooth(detector: Detector, batch: Sequence[ScoringInput], measured: Measurement) -> list[SmoothedTerms]:
    """Terms smoothed over the windows of each asset; smoothing starts again after a missing hop."""
    smoothed: list[SmoothedTerms] = []
    latest: dict[tuple[int, str], SmoothedTerms] = {}
    for (partition, asset, window, before, restarts, _), raw in zip(batch, measured.terms, strict=True):
        earlier = latest.get((partition, asset), before)
        unbroken = earlier is not None and earlier.end_index == window.end_index - detector.hop_rows
        if restarts or not unbroken:
            earlier = None
        values = detector.smooth(raw, earlier.values if earlier else None)
        smoothed.append(SmoothedTerms(window.end_index, tuple(values.tolist())))
        latest[partition, asset] = smoothed[-1]
    return smoothed
