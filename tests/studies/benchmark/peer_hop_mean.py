"""The work that both peers do: the mean of each sensor over every eight rows of an asset, with its timing.

The peers' environment has neither tfstream nor its dependencies: this module needs numpy only.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

_HOP = 8


class HopMean:
    """Means of the newest rows; ``timing`` is set after ``rows`` rows and leaves out the first ``warm``."""

    def __init__(self, rows: int, warm: int) -> None:
        self.timing: dict[str, float] = {}
        self._done = 0
        self._rows, self._warm = rows, warm
        self._buffers: dict[str, list[list[float]]] = {}
        self._began = (0.0, 0.0)

    def add(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """Add a decoded row; returns the means after every eighth row of an asset."""
        self._count()
        row.pop("ts")
        asset = row.pop("asset")
        buffer = self._buffers.setdefault(asset, [])
        buffer.append(list(row.values()))
        if len(buffer) < _HOP:
            return None
        means = np.array(buffer).mean(axis=0).tolist()
        buffer.clear()
        return {"asset": asset, "means": means}

    def _count(self) -> None:
        self._done += 1
        if self._done == self._warm:
            self._began = (time.perf_counter(), time.process_time())
        if self._done == self._rows:
            self.timing = {
                "rows": self._rows - self._warm,
                "seconds": time.perf_counter() - self._began[0],
                "cpu_seconds": time.process_time() - self._began[1],
            }
