"""Part ``scale``: more partitions and workers, and more assets."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from tests.studies.benchmark.bench import Bench
from tests.studies.benchmark.cores import ALL, alone
from tests.studies.benchmark.load_generator import BenchmarkPlant, fill, make_topic
from tests.studies.benchmark.row_timer import per_second
from tests.studies.benchmark.score_process import ScoreProcess, ScoringGroup, register, running_scorer
from tests.studies.benchmark.topic_runs import score
from tests.studies.markdown import table

_PARTITIONS, _WORKERS = (1, 2, 4, 8), (1, 2)
_ASSETS, _ROWS, _WARM_ROWS = 64, 1_600, 72
_COUNTS = {1: 16_000, 10: 1_600, 100: 320, 1_000: 104, 5_000: 88}  # assets, and rows of each
_TICK_S = 0.05


def measure(bench: Bench) -> dict[str, Any]:
    """Throughput of whole processes, then the cost of a row by the number of assets."""
    rates = [
        _rate(bench, partitions, workers)
        for partitions in _PARTITIONS
        for workers in _WORKERS
        if workers <= partitions
    ]
    return {"rates": rates, "costs": [_cost(bench, *size) for size in _COUNTS.items()]}


def _rate(bench: Bench, partitions: int, workers: int) -> dict[str, Any]:
    """Rows a second of scorers at work: started, their partitions shared out and every window full before."""
    topic, rows = bench.topic(f"scale{partitions}"), bench.settings.amount(_ROWS, least=2 * _WARM_ROWS)
    make_topic(bench.bootstrap, topic, partitions)
    register(bench, topic)
    plant = BenchmarkPlant(_ASSETS, partitions)
    warm = fill(bench.bootstrap, topic, plant.messages(0, _WARM_ROWS))
    arguments = ("--workers", str(workers), "--no-sink", "--commit-interval", "250ms")
    with (
        ScoringGroup(bench, topic, partitions) as group,
        running_scorer(bench, topic, ALL, *arguments) as process,
    ):
        process.wait_for(lambda: group.committed() >= warm and group.working() == workers, "filling windows")
        with process.halted():
            sent = warm + fill(bench.bootstrap, topic, plant.messages(_WARM_ROWS, rows))
        seen = _progress(group, process, warm, sent)
    (began, cpu, first), (ended, cpu_ended, last) = seen[0], seen[-1]
    rate = (last - first) / (ended - began)
    cores = (cpu_ended - cpu) / (ended - began)
    bench.log(f"scale: {partitions} partitions, {workers} workers: {rate:,.0f} rows/s on {cores:.2f} cores")
    size = {"partitions": partitions, "workers": workers, "rows": last - first}
    return {**size, "rows_per_second": rate, "cores": cores}


def _progress(
    group: ScoringGroup, process: ScoreProcess, warm: int, sent: int
) -> list[tuple[float, float, int]]:
    """Moments of commits, the CPU seconds used by then, and the rows; from the first to the last row."""
    seen: list[tuple[float, float, int]] = []

    def look() -> bool:
        done = group.committed()
        if done > (seen[-1][2] if seen else warm):
            seen.append((time.monotonic(), process.cpu_seconds(), done))
        return done >= sent

    process.wait_for(look, "scoring the topic")
    return seen


def _cost(bench: Bench, assets: int, rows: int) -> dict[str, Any]:
    """CPU time of a row with so many assets, windows full."""
    topic = bench.topic(f"assets{assets}")
    make_topic(bench.bootstrap, topic, 1)
    rows = max(bench.settings.amount(rows), _WARM_ROWS + 8)
    sent = fill(bench.bootstrap, topic, BenchmarkPlant(assets).messages(0, rows))
    timing = alone(
        score,
        bootstrap=bench.bootstrap,
        topic=topic,
        rows=sent,
        warm=_WARM_ROWS * assets,
        bundle=bench.bundle,
    )
    microseconds = 1e6 / per_second(timing, "cpu_seconds")
    bench.log(f"scale: {assets:,} assets: {microseconds:.0f} µs of CPU a row")
    return {"assets": assets, "microseconds": microseconds, **timing}


def section(found: Mapping[str, Any]) -> str:
    """Both tables."""
    rates, costs = found["rates"], found["costs"]
    base = rates[0]["rows_per_second"]
    lines = [
        [
            f"{one['partitions']}",
            f"{one['workers']}",
            f"{one['rows_per_second']:,.0f}",
            f"{one['rows_per_second'] / base:.2f}",
            f"{one['cores']:.2f}",
            f"{one['rows_per_second'] / one['cores']:,.0f}",
        ]
        for one in rates
    ]
    by_assets = [[f"{one['assets']:,}", f"{one['microseconds']:.0f}"] for one in costs]
    spread = max(one["microseconds"] for one in costs) / min(one["microseconds"] for one in costs)
    return "\n".join(
        [
            "## Scale\n",
            _WORDS,
            table(_COLUMNS, lines),
            "CPU time of a row, one scorer, one partition, by the number of assets:\n",
            table(["assets", "µs a row"], by_assets),
            f"Dearest to cheapest: {spread:.2f}.\n",
        ]
    )


_COLUMNS = ["partitions", "workers", "rows/s", "to the first", "cores used", "rows/CPU s"]
_WORDS = """`tfstream score --workers N`, 64 assets of 127 sensors, windows full and partitions shared out
before the clock starts. Broker, PostgreSQL and workers share all cores here: two workers and a broker on
two cores have less than a core each. *Cores used* is the workers' CPU time to the clock's.
"""
