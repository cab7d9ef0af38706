"""Quality measures: the numbers of the reference implementation, and properties that every measure has."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.studies.quality.metric_cases import MetricCase, cases, channels
from tfstream.core.quality.curves import auc_pr, auc_roc
from tfstream.core.quality.period import period
from tfstream.core.quality.ranges import mask_of, ranges_of
from tfstream.core.quality.volume import volume

REFERENCE: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "studies" / "quality" / "metric_reference.json").read_text(encoding="utf-8")
)
CASES = pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)


def same(ours: float, reference: float | None) -> bool:
    """Equal to 1e-6; the reference's failure (null) is our NaN."""
    return math.isnan(ours) if reference is None else abs(ours - reference) < 1e-6


@CASES
def test_volumes_and_areas_are_those_of_the_reference(case: MetricCase) -> None:
    reference = REFERENCE["cases"][case.name]
    volumes = volume(case.scores, case.labels, case.window)
    assert same(volumes.pr, reference["vus_pr"])
    assert same(volumes.roc, reference["vus_roc"])
    if case.name != "nothing else":  # precision is defined there: it is 1
        assert same(auc_pr(case.scores, case.labels), reference["auc_pr"])
    assert same(auc_roc(case.scores, case.labels), reference["auc_roc"])


@pytest.mark.parametrize("name", channels())
def test_periods_are_those_of_the_reference(name: str) -> None:
    assert period(channels()[name]) == REFERENCE["periods"][name]


def test_a_period_of_a_channel_with_gaps() -> None:
    channel = channels()["sine of 37 rows"].copy()
    channel[500:520] = np.nan
    assert period(channel) == 37
    assert period(np.full(300, np.nan)) == 125


def labelled(rows: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Random scores, and events that they do not depend on."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(rows, dtype=np.bool_)
    for first in rng.integers(rows, size=rows // 400):
        labels[first : first + 40] = True
    return rng.normal(size=rows), labels


def test_perfect_scores() -> None:
    _, labels = labelled(5000, 0)
    scores = labels.astype(np.float64)
    assert auc_pr(scores, labels) == auc_roc(scores, labels) == 1.0
    assert volume(scores, labels, 0).pr == pytest.approx(1, abs=0.01)  # thresholds stand at every 20th rank
    assert volume(scores, labels, 100).pr > 0.9


def test_random_scores_are_worth_the_share_of_anomalous_rows() -> None:
    scores, labels = labelled(40_000, 1)
    share = labels.mean()
    assert auc_pr(scores, labels) == pytest.approx(share, rel=0.1)
    assert auc_roc(scores, labels) == pytest.approx(0.5, abs=0.02)
    assert volume(scores, labels, 0).pr == pytest.approx(share, rel=0.1)


@CASES
def test_only_the_order_of_scores_counts(case: MetricCase) -> None:
    for changed in (np.exp(case.scores / 20), 3 * case.scores - 7):
        np.testing.assert_allclose(
            volume(changed, case.labels, case.window), volume(case.scores, case.labels, case.window)
        )
        np.testing.assert_allclose(auc_pr(changed, case.labels), auc_pr(case.scores, case.labels))


def test_better_scores_are_worth_more() -> None:
    noise, labels = labelled(5000, 2)
    worth = [volume(noise + strength * labels, labels, 50).pr for strength in (0, 1, 2, 4)]
    assert worth == sorted(worth)


def test_a_near_miss_is_worth_more_to_the_volume_than_a_far_one() -> None:
    labels = np.zeros(1000, dtype=np.bool_)
    labels[500:520] = True
    near, far = (np.roll(labels, by).astype(np.float64) for by in (25, 300))
    assert volume(near, labels, 100).pr > 2 * volume(far, labels, 100).pr


def test_what_cannot_be_measured_is_refused() -> None:
    labels = np.array([False, True, False])
    with pytest.raises(ValueError, match="row 1 is not a finite number"):
        volume(np.array([0.0, np.nan, 1.0]), labels, 3)
    with pytest.raises(ValueError, match="shape"):
        auc_pr(np.zeros(4), labels)
    with pytest.raises(ValueError, match="negative"):
        volume(np.zeros(3), labels, -1)


@CASES
def test_ranges_are_the_runs_of_a_mask(case: MetricCase) -> None:
    mask = case.labels.astype(np.bool_)
    ranges = ranges_of(mask)
    assert (ranges.first < ranges.stop).all()
    assert (ranges.stop[:-1] < ranges.first[1:]).all()
    np.testing.assert_array_equal(mask_of(ranges, len(mask)), mask)
