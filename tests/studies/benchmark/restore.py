"""Part ``restore``: time from SIGKILL to the next commit, with many assets in one partition."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from tests.studies.benchmark.bench import Bench
from tests.studies.benchmark.cores import MEASURED
from tests.studies.benchmark.load_generator import SENSORS, BenchmarkPlant
from tests.studies.benchmark.score_process import ScoringGroup, register, running_scorer
from tests.studies.benchmark.topic_setup import create_topic, fill_topic
from tests.studies.markdown import met

_ASSETS, _ROWS = 1_000, 84
_MAX_S = 10.0
_ARGUMENTS = ("--static", "--slot", "bench", "--no-sink")


def measure(bench: Bench) -> dict[str, Any]:
    """Kill a scorer that has read everything; time its successor until it has committed the newer rows."""
    topic, assets = bench.topic("restore"), bench.settings.amount(_ASSETS)
    create_topic(bench.bootstrap, topic, 1)
    register(bench, topic)
    plant = BenchmarkPlant(assets)
    sent = fill_topic(bench.bootstrap, topic, plant.messages(0, _ROWS))
    bench.log(f"restore: {assets:,} assets, {sent:,} rows before the kill")
    with ScoringGroup(bench, topic, 1) as group:
        with running_scorer(bench, topic, MEASURED, *_ARGUMENTS) as process:
            process.wait_for(lambda: group.committed() >= sent, "reading the topic")
            sent += fill_topic(bench.bootstrap, topic, plant.messages(_ROWS, _ROWS + 1))
            killed = time.monotonic()
            process.kill()
        with running_scorer(bench, topic, MEASURED, *_ARGUMENTS) as process:
            process.wait_for(lambda: group.committed() >= sent, "the restore")
            seconds = time.monotonic() - killed
    return {"assets": assets, "sensors": SENSORS, "rows": sent, "seconds": seconds}


def section(figures: Mapping[str, Any]) -> str:
    """Seconds with their limit."""
    reached = met(figures["seconds"] < _MAX_S)
    return (
        "## Restore\n\n"
        f"{figures['assets']:,} assets of {figures['sensors']} sensors in one partition, every window open. "
        "Time from SIGKILL to the first commit of the next process (`--static`, same slot, same core; "
        f"one more row of every asset to score): {figures['seconds']:.1f} s, including the start of Python "
        "and torch. "
        f"Target: at most {_MAX_S:.0f} s: {reached}.\n"
    )
