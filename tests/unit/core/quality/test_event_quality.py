"""Alarms against events, by number and by distance."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.studies.quality.metric_cases import MetricCase, cases
from tfstream.core.quality.affiliation import affiliation, affiliation_by_chance
from tfstream.core.quality.event_quality import Alarm, alarmed_rows, combine, match_alarms

REFERENCE: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "studies" / "quality" / "metric_reference.json").read_text(encoding="utf-8")
)
DECIDABLE = [case for case in cases() if 0 < case.labels.sum() < len(case.labels)]


def labels(*events: tuple[int, int], rows: int = 1000) -> NDArray[np.bool_]:
    mask = np.zeros(rows, dtype=np.bool_)
    for first, stop in events:
        mask[first:stop] = True
    return mask


@pytest.mark.parametrize("case", DECIDABLE, ids=lambda case: case.name)
def test_affiliation_is_that_of_the_reference(case: MetricCase) -> None:
    reference = REFERENCE["cases"][case.name]
    result = affiliation(case.alarms, case.labels.astype(np.bool_))
    assert result.precision == pytest.approx(reference["affiliation_precision"], abs=1e-6)
    assert result.recall == pytest.approx(reference["affiliation_recall"], abs=1e-6)


def test_affiliation_at_its_limits() -> None:
    events = labels((100, 150), (600, 700))
    assert affiliation(events, events) == (1.0, 1.0)
    silent = affiliation(labels(), events)
    assert math.isnan(silent.precision)
    assert (silent.recall, silent.f) == (0.0, 0.0)
    assert math.isnan(affiliation(events, labels()).f)
    with pytest.raises(ValueError, match="shape"):
        affiliation(events, labels(rows=3))


def test_affiliation_beats_chance_only_with_better_alarms() -> None:
    events = labels((100, 150), (600, 700))
    near, far = labels((110, 130), (590, 610)), labels((350, 370), (980, 1000))
    chance = affiliation_by_chance(near, events)
    assert affiliation(near, events).f > chance.f + 0.2
    assert affiliation(far, events).f < chance.f
    assert 0.3 < chance.precision < 0.75


def outcome(*alarms: Alarm, events: NDArray[np.bool_]) -> tuple[int, int, tuple[int, ...]]:
    quality = match_alarms(alarms, events, rows_per_week=500)
    return quality.found, quality.false_alarms, quality.delays


def test_alarms_belong_to_the_event_they_were_raised_in() -> None:
    events = labels((100, 150), (600, 700))
    assert outcome(Alarm(112, 120, 300), events=events) == (1, 0, (20,))
    assert outcome(Alarm(96, 104, 300), events=events) == (1, 0, (4,))  # its hop reaches into the event
    assert outcome(Alarm(92, 100, 300), events=events) == (0, 1, ())  # raised before the event
    assert outcome(Alarm(160, 168, 200), events=events) == (
        1,
        0,
        (68,),
    )  # the score still depends on the event
    assert outcome(Alarm(166, 174, 200), events=events) == (0, 1, ())


def test_an_alarm_from_before_an_event_does_not_detect_it() -> None:
    events = labels((100, 150), (600, 700))
    assert outcome(Alarm(8, 16, 1000), events=events) == (0, 1, ())
    assert outcome(Alarm(104, 112, 1000), events=events) == (1, 0, (12,))


def test_several_alarms_of_one_event() -> None:
    quality = match_alarms(
        [Alarm(640, 648, 650), Alarm(608, 616, 620), Alarm(808, 816, 900)],
        labels((600, 700)),
        rows_per_week=450,
    )
    assert quality.recall == 1.0
    assert quality.precision == pytest.approx(2 / 3)
    assert quality.median_delay_rows == 16
    assert quality.false_alarms_per_week == pytest.approx(1 / 2)


def test_a_measure_without_events_or_alarms_is_nan() -> None:
    quality = match_alarms([], labels(rows=0), rows_per_week=10)
    for value in (
        quality.recall,
        quality.precision,
        quality.false_alarms_per_week,
        quality.median_delay_rows,
    ):
        assert math.isnan(value)


def test_the_counts_of_several_series_are_added() -> None:
    first = match_alarms([Alarm(608, 616, 620)], labels((600, 700)), rows_per_week=450)
    second = match_alarms([Alarm(8, 16, 20)], labels((600, 700), (800, 810)), rows_per_week=450)
    both = combine([first, second])
    assert (both.events, both.found, both.alarms, both.false_alarms) == (3, 1, 2, 1)
    assert both.normal_weeks == first.normal_weeks + second.normal_weeks
    assert both.delays == (16,)


def test_alarmed_rows_are_those_of_any_alarm() -> None:
    np.testing.assert_array_equal(
        np.flatnonzero(alarmed_rows([Alarm(2, 4, 6), Alarm(5, 6, 8)], 10)), range(2, 8)
    )
