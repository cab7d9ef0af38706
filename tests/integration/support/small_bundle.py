"""A model bundle that is fitted quickly, for tests that load a model."""

from __future__ import annotations

from functools import cache

import numpy as np

from tests.integration.support import examples
from tfstream.core.reading import Series
from tfstream.model import bundle
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.fit import fit


@cache
def small_bundle() -> bytes:
    """Bytes of a model for the streams of ``examples``."""
    values = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    series = [Series("line-1", examples.times(*range(300)), values)]
    config = DetectorConfig(steps=2)
    return bundle.dump(fit(series, examples.SENSORS, examples.MINUTE_US, config, 0, lambda stage, done: None))
