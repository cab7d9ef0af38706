"""Strange readings, learnt from and scored: every window gets a finite score, or the refusal says why."""

from __future__ import annotations

import pytest

from tests.quality.strange import CASES, Case, outcome
from tfstream.model.config import DetectorConfig

_QUICK = DetectorConfig(steps=5)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name, marks=[pytest.mark.slow] if case.channels >= 1000 else [])
        for case in CASES
    ],
)
def test_strange_readings(case: Case) -> None:
    found = outcome(case, _QUICK)
    assert found.as_wanted(case), found
