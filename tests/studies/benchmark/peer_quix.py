"""Quix Streams: decode JSON, a mean over 8 rows of every asset, written to a topic. Run by ``peers.py``.

It runs in an environment of its own, which has neither tfstream nor its tests.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
from quixstreams import Application

_HOP = 8


class HopMean:
    """Means of the newest rows, and the time that the rows take."""

    def __init__(self, rows: int, warm: int) -> None:
        self.done = 0
        self._rows, self._warm = rows, warm
        self._held: dict[str, list[list[float]]] = {}
        self._began = (0.0, 0.0)
        self.timing: dict[str, float] = {}

    def __call__(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """A mean of each sensor after every eighth row of an asset."""
        self._tick()
        row.pop("ts")
        asset = row.pop("asset")
        held = self._held.setdefault(asset, [])
        held.append(list(row.values()))
        if len(held) < _HOP:
            return None
        means = np.array(held).mean(axis=0).tolist()
        held.clear()
        return {"asset": asset, "means": means}

    def _tick(self) -> None:
        self.done += 1
        if self.done == self._warm:
            self._began = (time.perf_counter(), time.process_time())
        if self.done == self._rows:
            self.timing = {
                "rows": self._rows - self._warm,
                "seconds": time.perf_counter() - self._began[0],
                "cpu_seconds": time.process_time() - self._began[1],
            }


def main() -> None:
    """As its tutorial does it, with a commit every second and its default delivery, at least once."""
    asked = json.loads(sys.argv[1])
    application = Application(
        broker_address=asked["bootstrap"],
        consumer_group=asked["group"],
        auto_offset_reset="earliest",
        commit_interval=1.0,
        loglevel="ERROR",
    )
    hop_mean = HopMean(asked["rows"], asked["warm"])
    source = application.topic(asked["topic"], value_deserializer="json")
    sink = application.topic(f"{asked['topic']}.quix", value_serializer="json")
    application.dataframe(source).apply(hop_mean).filter(lambda found: found is not None).to_topic(sink)
    application.run(count=asked["rows"], timeout=60.0)
    print(json.dumps(hop_mean.timing))


if __name__ == "__main__":
    main()
