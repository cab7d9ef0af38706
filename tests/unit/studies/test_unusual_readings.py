"""Strange readings, learnt from and scored: every window gets a finite score, or the refusal says why."""

from __future__ import annotations

import pytest

from tests.studies.quality.unusual_readings import CASES, ReadingCase, run_case
from tfstream.model.detector_config import DetectorConfig

_QUICK = DetectorConfig(steps=5)
_MOST_CHANNELS = 100  # more take half a minute: the quality study tries them


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.channels <= _MOST_CHANNELS], ids=lambda case: case.name
)
def test_strange_readings(case: ReadingCase) -> None:
    found = run_case(case, _QUICK)
    assert found.as_wanted(case), found
