"""Small synthetic files of sensor readings, and what they say."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from tests.integration.commands import Tfstream

SENSORS = ("flow", "level", "pressure", "valve")
FAULT = slice(500, 560)  # rows in which the level is wrong


class Plant(NamedTuple):
    """Commands on services of their own, a normal file to learn from and a faulty one to score."""

    tfstream: Tfstream
    normal: Path
    faulty: Path


def write_plant(path: Path, *, rows: int, start: str = "2026-01-05T00:00:00Z", faulty: bool = False) -> Path:
    """Four correlated oscillations at one reading a second; with a fault, the level departs for a minute."""
    rng = np.random.default_rng(rows)
    second = np.arange(rows)
    slow, fast = np.sin(second / 17), np.cos(second / 5)
    columns = np.stack([slow + fast, slow - 0.5 * fast, 2 * fast, slow], axis=1)
    values = columns + 0.1 * rng.normal(size=columns.shape)
    if faulty:
        values[FAULT, SENSORS.index("level")] += 4.0
    frame = pd.DataFrame(values.round(4), columns=list(SENSORS))
    frame.insert(0, "ts", pd.Timestamp(start) + pd.to_timedelta(second, unit="s"))
    frame.to_csv(path, index=False, date_format="%Y-%m-%dT%H:%M:%SZ")
    return path
