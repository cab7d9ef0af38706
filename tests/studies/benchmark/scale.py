"""Part ``scale``: throughput by partitions and workers, CPU time by assets."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from tests.studies.benchmark.bench import Bench
from tests.studies.benchmark.cores import ALL, alone
from tests.studies.benchmark.load_generator import BenchmarkPlant
from tests.studies.benchmark.row_timer import per_second
from tests.studies.benchmark.score_process import ScoreProcess, ScoringGroup, register, running_scorer
from tests.studies.benchmark.topic_runs import score
from tests.studies.benchmark.topic_setup import create_topic, fill_topic
from tests.studies.markdown import table

_PARTITIONS, _WORKERS = (1, 2, 4, 8), (1, 2)
_ASSETS, _ROWS, _WARM_ROWS = 64, 1_600, 72
_COUNTS = {1: 16_000, 10: 1_600, 100: 320, 1_000: 104, 5_000: 88}  # assets, and rows of each
_TICK_S = 0.05


def measure(bench: Bench) -> dict[str, Any]:
    """Throughput of whole processes, then the CPU time of a row by the number of assets."""
    rates = [
        _rate(bench, partitions, workers)
        for partitions in _PARTITIONS
        for workers in _WORKERS
        if workers <= partitions
    ]
    return {"rates": rates, "costs": [_cost(bench, *size) for size in _COUNTS.items()]}


def _rate(bench: Bench, partitions: int, workers: int) -> dict[str, Any]:
    """Rows a second of running scorers, after partitions are assigned and every window is full."""
    topic, rows = bench.topic(f"scale{partitions}"), bench.settings.amount(_ROWS, least=2 * _WARM_ROWS)
    create_topic(bench.bootstrap, topic, partitions)
    register(bench, topic)
    plant = BenchmarkPlant(_ASSETS, partitions)
    warm = fill_topic(bench.bootstrap, topic, plant.messages(0, _WARM_ROWS))
    arguments = ("--workers", str(workers), "--no-sink", "--commit-interval", "250ms")
    with (
        ScoringGroup(bench, topic, partitions) as group,
        running_scorer(bench, topic, ALL, *arguments) as process,
    ):
        process.wait_for(
            lambda: group.committed() >= warm and group.working_members() == workers, "filling windows"
        )
        with process.stopped():
            sent = warm + fill_topic(bench.bootstrap, topic, plant.messages(_WARM_ROWS, rows))
        commits = _commits(group, process, warm, sent)
    (began, cpu, first), (ended, cpu_ended, last) = commits[0], commits[-1]
    rate = (last - first) / (ended - began)
    cores = (cpu_ended - cpu) / (ended - began)
    bench.log(f"scale: {partitions} partitions, {workers} workers: {rate:,.0f} rows/s on {cores:.2f} cores")
    size = {"partitions": partitions, "workers": workers, "rows": last - first}
    return {**size, "rows_per_second": rate, "cores": cores}


def _commits(
    group: ScoringGroup, process: ScoreProcess, warm: int, sent: int
) -> list[tuple[float, float, int]]:
    """For each commit: its time, the CPU seconds until then, and the committed rows."""
    commits: list[tuple[float, float, int]] = []

    def all_committed() -> bool:
        committed = group.committed()
        if committed > (commits[-1][2] if commits else warm):
            commits.append((time.monotonic(), process.cpu_seconds(), committed))
        return committed >= sent

    process.wait_for(all_committed, "scoring the topic")
    return commits


def _cost(bench: Bench, assets: int, rows: int) -> dict[str, Any]:
    """The CPU time of a row with ``assets`` assets, after every window is full."""
    topic = bench.topic(f"assets{assets}")
    create_topic(bench.bootstrap, topic, 1)
    rows = max(bench.settings.amount(rows), _WARM_ROWS + 8)
    sent = fill_topic(bench.bootstrap, topic, BenchmarkPlant(assets).messages(0, rows))
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


def section(figures: Mapping[str, Any]) -> str:
    """Throughput and CPU time as tables."""
    rates, costs = figures["rates"], figures["costs"]
    base = rates[0]["rows_per_second"]
    lines = [
        [
            f"{rate['partitions']}",
            f"{rate['workers']}",
            f"{rate['rows_per_second']:,.0f}",
            f"{rate['rows_per_second'] / base:.2f}",
            f"{rate['cores']:.2f}",
            f"{rate['rows_per_second'] / rate['cores']:,.0f}",
        ]
        for rate in rates
    ]
    by_assets = [[f"{cost['assets']:,}", f"{cost['microseconds']:.0f}"] for cost in costs]
    ratio = max(cost["microseconds"] for cost in costs) / min(cost["microseconds"] for cost in costs)
    return "\n".join(
        [
            "## Scale\n",
            _INTRO,
            table(_COLUMNS, lines),
            "CPU time of a row by the number of assets, one scorer, one partition:\n",
            table(["assets", "µs a row"], by_assets),
            f"Ratio of the highest to the lowest CPU time: {ratio:.2f}.\n",
        ]
    )


_COLUMNS = ["partitions", "workers", "rows/s", "ratio to the first line", "cores used", "rows/CPU s"]
_INTRO = """`tfstream score --workers N`, 64 assets of 127 sensors. Timing starts after every window is full
and the partitions are assigned. Broker, PostgreSQL and workers share all cores: two workers and a broker on
two cores have less than a core each. *Cores used* is the CPU time of the workers divided by the elapsed time.
"""
