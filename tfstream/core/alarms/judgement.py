"""The one decision about a score: whether it exceeds the threshold, and whether it keeps an episode open."""

from __future__ import annotations

from typing import NamedTuple

from tfstream.core.alarms.baseline import Baseline
from tfstream.core.alarms.calibration import Calibration
from tfstream.core.messages.anomaly_event import rounded


class Judgement(NamedTuple):
    """A normalised score beside the threshold that its asset's alarm budget gives, both in spreads.

    ``value``, ``threshold`` and ``expected_per_week`` are the numbers that score records and events carry,
    rounded to six significant digits. Decisions compare these numbers, so that a reader of the records
    reaches the same decision. ``expected_per_week`` is how often a week normal data reach ``value``. ``hold``
    is the lower level of the hysteresis, halfway between the calibration's ``u`` and the threshold.
    """

    value: float
    threshold: float
    hold: float
    expected_per_week: float

    @property
    def exceeds(self) -> bool:
        """Whether the score reaches the threshold: it starts or continues an episode."""
        return self.value >= self.threshold

    @property
    def keeps_open(self) -> bool:
        """Whether the score keeps an open episode open."""
        return self.value >= self.hold


def judge(score: float, baseline: Baseline, calibration: Calibration, budget_per_week: float) -> Judgement:
    """Normalise a score by the asset's baseline and compare it with the threshold of the budget."""
    value = baseline.normalised(score)
    threshold = calibration.threshold(budget_per_week)
    return Judgement(
        value=rounded(value),
        threshold=rounded(threshold),
        hold=(calibration.u + threshold) / 2,
        expected_per_week=rounded(calibration.expected_per_week(value)),
    )
