"""Series on which tfstream's metrics are compared with the reference implementation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class MetricCase(NamedTuple):
    """``scores [rows]``, ``labels [rows]``, and the largest buffer of the volumes in rows."""

    name: str
    scores: NDArray[np.float64]
    labels: NDArray[np.int64]
    window: int

    @property
    def alarms(self) -> NDArray[np.bool_]:
        """The rows with the highest twentieth of the scores, for metrics of alarms."""
        return np.asarray(self.scores >= np.quantile(self.scores, 0.95))


def cases() -> list[MetricCase]:
    """Small series of many shapes, from a generator whose numbers never change (``RandomState``)."""
    return [
        _case("usual", 1, 1500, [(200, 260), (700, 705), (1100, 1300)], 100),
        _case("starts with an anomaly", 2, 600, [(0, 30), (300, 320)], 60),
        _case("ends with an anomaly", 3, 600, [(250, 280), (560, 600)], 60),
        _case("both ends", 4, 500, [(0, 10), (490, 500)], 125),
        _case("ties", 5, 900, [(100, 140), (500, 600)], 80, decimals=0),
        _case("constant", 6, 400, [(150, 200)], 50, strength=0.0, noise=0.0),
        _case("events that the buffers join", 7, 800, [(100, 110), (125, 130), (170, 171), (400, 440)], 90),
        _case("rows alone", 8, 700, [(i, i + 1) for i in range(20, 700, 60)], 40),
        _case("a dense crowd of events", 9, 700, [(i, i + 2) for i in range(200, 320, 5)], 70),
        _case("fewer rows than thresholds", 10, 120, [(40, 60)], 20),
        _case("no buffer", 11, 500, [(100, 150)], 0),
        _case("the shortest buffer", 12, 500, [(100, 150)], 1),
        _case("a buffer beyond the series", 13, 200, [(90, 110)], 300),
        _case("perfect", 14, 600, [(100, 160), (400, 420)], 50, strength=50.0),
        _case("upside down", 15, 600, [(100, 160), (400, 420)], 50, strength=-50.0),
        _case("mostly anomalous", 16, 500, [(5, 480)], 50),
        _case("no anomaly", 17, 300, [], 50),
        _case("nothing else", 18, 300, [(0, 300)], 50),
    ]


def channels() -> dict[str, NDArray[np.float64]]:
    """Series with a period, and series without one."""
    random = np.random.RandomState(100)
    time = np.arange(3000)
    noise = random.normal(size=3000)
    return {
        "sine of 37 rows": np.sin(2 * np.pi * time / 37) + 0.2 * noise,
        "sine of 290 rows": np.sin(2 * np.pi * time / 290) + 0.1 * noise,
        "square of 24 rows": (time % 24 < 12) + 0.05 * noise,
        "noise": noise,
        "walk": np.cumsum(noise),
        "short": np.sin(time[:90] / 3),
        "constant": np.zeros(500),
    }


def _case(
    name: str,
    seed: int,
    rows: int,
    events: list[tuple[int, int]],
    window: int,
    *,
    strength: float = 1.5,
    noise: float = 1.0,
    decimals: int | None = None,
) -> MetricCase:
    random = np.random.RandomState(seed)
    labels = np.zeros(rows, dtype=np.int64)
    for first, stop in events:
        labels[first:stop] = 1
    scores: NDArray[np.float64] = noise * random.normal(size=rows) + strength * labels
    if decimals is not None:
        scores = scores.round(decimals)
    return MetricCase(name, scores, labels, window)
