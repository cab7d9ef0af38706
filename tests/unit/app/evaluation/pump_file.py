"""A small labelled file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROWS, TRAIN = 640, 400


def labelled_file(folder: Path, name: str = "pump.csv", seed: int = 0, **columns: Any) -> Path:
    """Three sensors, a row each second; an obvious fault on rows 500 to 539."""
    rng = np.random.default_rng(seed)
    time = np.arange(ROWS)[:, None]
    values = np.sin(time / np.array([5, 11, 17])) + 0.1 * rng.normal(size=(ROWS, 3))
    values[500:540, :2] += 6
    frame = pd.DataFrame(values, columns=["a", "b", "c"])
    frame.insert(0, "timestamp", pd.date_range("2026-01-05", periods=ROWS, freq="1s"))
    frame["label"] = 0
    frame.loc[500:539, "label"] = 1
    path = folder / name
    frame.assign(**columns).to_csv(path, index=False)
    return path
