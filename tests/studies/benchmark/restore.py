"""Part ``restore``: from SIGKILL to live, with many assets in one partition."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from tests.studies.benchmark.bench import Bench
from tests.studies.benchmark.cores import MEASURED
from tests.studies.benchmark.load_generator import SENSORS, BenchmarkPlant, fill, make_topic
from tests.studies.benchmark.score_process import ScoringGroup, register, running_scorer

_ASSETS, _ROWS = 1_000, 84
_MOST_S = 10.0
_ARGUMENTS = ("--static", "--slot", "bench", "--no-sink")


def measure(bench: Bench) -> dict[str, Any]:
    """A scorer that has read everything is killed; the next one has to commit what came meanwhile."""
    topic, assets = bench.topic("restore"), bench.settings.amount(_ASSETS)
    make_topic(bench.bootstrap, topic, 1)
    register(bench, topic)
    plant = BenchmarkPlant(assets)
    sent = fill(bench.bootstrap, topic, plant.messages(0, _ROWS))
    bench.log(f"restore: {assets:,} assets, {sent:,} rows before the kill")
    with ScoringGroup(bench, topic, 1) as group:
        with running_scorer(bench, topic, MEASURED, *_ARGUMENTS) as process:
            process.wait_for(lambda: group.committed() >= sent, "reading the topic")
            sent += fill(bench.bootstrap, topic, plant.messages(_ROWS, _ROWS + 1))
            killed = time.monotonic()
            process.kill()
        with running_scorer(bench, topic, MEASURED, *_ARGUMENTS) as process:
            process.wait_for(lambda: group.committed() >= sent, "coming back")
            seconds = time.monotonic() - killed
    return {"assets": assets, "sensors": SENSORS, "rows": sent, "seconds": seconds}


def section(found: Mapping[str, Any]) -> str:
    """Seconds beside the limit."""
    reached = "met" if found["seconds"] < _MOST_S else "**missed**"
    return (
        "## Restore\n\n"
        f"{found['assets']:,} assets of {found['sensors']} sensors in one partition, every window open. "
        "From SIGKILL to the first commit of the process that follows it (`--static`, same slot, same core; "
        f"one more row of every asset to score): {found['seconds']:.1f} s, the start of Python and torch "
        "included. "
        f"At most {_MOST_S:.0f} s: {reached}.\n"
    )
