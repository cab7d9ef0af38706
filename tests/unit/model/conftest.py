"""A detector that the tests of one process share."""

from __future__ import annotations

import pytest

from tests.unit.model.small_detector import fitted, plant
from tfstream.model.scoring.detector import Detector


@pytest.fixture(scope="session")
def detector() -> Detector:
    return fitted(plant(1500))
