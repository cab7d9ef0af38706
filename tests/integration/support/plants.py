"""Small synthetic files of sensor readings."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from tests.integration.support.commands import Tfstream

SENSORS = ("flow", "level", "pressure", "valve")
FAULT = slice(500, 560)  # rows with a wrong level


class Plant(NamedTuple):
    """The command line on its own services, a normal file to train on and a faulty file to score."""

    tfstream: Tfstream
    normal: Path
    faulty: Path


def write_plant(
    path: Path,
    *,
    rows: int,
    start: str = "2026-01-05T00:00:00Z",
    faulty: bool = False,
    interval_s: int = 1,
    shift: float = 4.0,
) -> Path:
    """Write four correlated oscillations; a fault shifts the level by ``shift`` for 60 rows."""
    rng = np.random.default_rng(rows)
    seconds = np.arange(rows)
    slow, fast = np.sin(seconds / 17), np.cos(seconds / 5)
    columns = np.stack([slow + fast, slow - 0.5 * fast, 2 * fast, slow], axis=1)
    values = columns + 0.1 * rng.normal(size=columns.shape)
    if faulty:
        values[FAULT, SENSORS.index("level")] += shift
    frame = pd.DataFrame(values.round(4), columns=list(SENSORS))
    frame.insert(0, "ts", pd.Timestamp(start) + pd.to_timedelta(seconds * interval_s, unit="s"))
    frame.to_csv(path, index=False, date_format="%Y-%m-%dT%H:%M:%SZ")
    return path
