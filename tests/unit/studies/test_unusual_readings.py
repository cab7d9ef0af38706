"""Unusual readings in training and scoring: every window gets a finite score, or training is refused."""

from __future__ import annotations

import pytest

from tests.studies.quality.unusual_readings import CASES, ReadingCase, run_case
from tfstream.model.detector_config import DetectorConfig

_QUICK = DetectorConfig(steps=5)
_MOST_CHANNELS = 100  # more channels take half a minute: only the quality study tries them


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.channels <= _MOST_CHANNELS], ids=lambda case: case.name
)
def test_unusual_readings(case: ReadingCase) -> None:
    result = run_case(case, _QUICK)
    assert result.as_wanted(case), result
