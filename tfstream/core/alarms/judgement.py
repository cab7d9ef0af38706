"""The one decision about a score: whether it exceeds the threshold, and whether it keeps an episode open."""

from __future__ import annotations

import math
from typing import NamedTuple

from tfstream.core.alarms.baseline import Baseline
from tfstream.core.alarms.calibration import Calibration
from tfstream.core.messages.anomaly_event import rounded
from tfstream.core.messages.witness import Witness


class Judgement(NamedTuple):
    """A witness's value beside the threshold that its share of the alarm budget gives, both in spreads.

    ``value``, ``threshold`` and ``expected_per_week`` are the numbers that score records and events carry,
    rounded to six significant digits. Decisions compare these numbers, so that a reader of the records
    reaches the same decision. ``expected_per_week`` is how often a week normal data reach ``value``. ``hold``
    is the lower level of the hysteresis, halfway between the calibration's ``u`` and the threshold.

    ``scale_s`` is the time scale in seconds at which the witness looked, None where it has none. ``reason``
    says in words what it saw, None where it has nothing to say beyond the numbers. ``extrapolated``: the data
    of the calibration are too few for the budget. ``crossing`` is false where the witness has exceeded its
    threshold before and was not quiet since.
    """

    value: float
    threshold: float
    hold: float
    expected_per_week: float
    witness: Witness = Witness.SCORE
    scale_s: float | None = None
    reason: str | None = None
    extrapolated: bool = False
    crossing: bool = True

    @property
    def exceeds(self) -> bool:
        """Whether the value reaches the threshold: it starts or continues an episode."""
        return self.value >= self.threshold

    @property
    def opens(self) -> bool:
        """Whether an episode may begin with it."""
        return self.exceeds and self.crossing

    @property
    def rank(self) -> tuple[bool, bool, bool, float]:
        """The louder of two judgements has the smaller rank: a new alarm first, then the rarer value."""
        return not self.opens, not self.exceeds, not self.keeps_open, self.expected_per_week

    @property
    def severity(self) -> float:
        """The value in units of its threshold: comparable between witnesses."""
        return self.value / self.threshold

    @property
    def keeps_open(self) -> bool:
        """Whether the value keeps an open episode open."""
        return self.value >= self.hold


SILENT = Judgement(value=0.0, threshold=1.0, hold=1.0, expected_per_week=math.inf)  # nobody says anything


def judge_score(
    score: float, baseline: Baseline, calibration: Calibration, budget_per_week: float, share: float
) -> Judgement:
    """Normalise a score by the asset's baseline and compare it with the threshold of its budget's share."""
    value = baseline.normalised(score)
    threshold = calibration.threshold(budget_per_week * share)
    return Judgement(
        value=rounded(value),
        threshold=rounded(threshold),
        hold=(calibration.u + threshold) / 2,
        expected_per_week=rounded(calibration.expected_per_week(value) / share),
        extrapolated=calibration.extrapolated(budget_per_week),
    )
