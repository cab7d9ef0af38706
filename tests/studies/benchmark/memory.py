"""Part ``memory``: the memory of a scorer with 5,000 assets, and whether it stays constant."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.studies.benchmark.bench import Bench
from tests.studies.benchmark.cores import alone
from tests.studies.benchmark.load_generator import SENSORS, BenchmarkPlant
from tests.studies.benchmark.topic_runs import score
from tests.studies.benchmark.topic_setup import create_topic, fill_topic
from tests.studies.markdown import met, table

_ASSETS, _WARM_ROWS, _HOUR_ROWS = 5_000, 72, 60
_MOST, _FLAT = 1.5e9, 1.05
_EVERY_S = 0.25
_STATUS = Path("/proc/self/status")


def measure(bench: Bench) -> dict[str, Any]:
    """An hour with a row a minute, after every window is full."""
    topic, assets = bench.topic("memory"), bench.settings.amount(_ASSETS)
    create_topic(bench.bootstrap, topic, 1)
    rows = _WARM_ROWS + _HOUR_ROWS
    bench.log(f"memory: filling the topic with {assets * rows:,} rows of {assets:,} assets")
    sent = fill_topic(bench.bootstrap, topic, BenchmarkPlant(assets).messages(0, rows))
    bench.log("memory: scoring them")
    timing = alone(
        work, bootstrap=bench.bootstrap, topic=topic, rows=sent, warm=_WARM_ROWS * assets, bundle=bench.bundle
    )
    return {"assets": assets, "sensors": SENSORS, **timing}


def work(bootstrap: str, topic: str, rows: int, warm: int, bundle: Path) -> dict[str, Any]:
    """Resident bytes during the run, from the time when every window is full."""
    resident: list[int] = []
    measured_at = 0.0

    def measure_memory(done: int) -> None:
        nonlocal measured_at
        if done >= warm and time.monotonic() > measured_at + _EVERY_S:
            resident.append(_status_bytes("VmRSS:"))
            measured_at = time.monotonic()

    timing = score(bootstrap, topic, rows, warm, bundle, on_progress=measure_memory)
    return {**timing, "resident_bytes": resident, "peak_bytes": _status_bytes("VmHWM:")}


def _status_bytes(name: str) -> int:
    line = next(line for line in _STATUS.read_text(encoding="utf-8").splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def section(figures: Mapping[str, Any]) -> str:
    """Peak, and the mean at the beginning and the end of the hour."""
    peak, resident = figures["peak_bytes"], figures["resident_bytes"]
    first, last = _mean(resident[: len(resident) // 4]), _mean(resident[-len(resident) // 4 :])
    lines = [
        ["peak", f"{peak / 1e9:.2f} GB", f"< {_MOST / 1e9:.1f} GB: {met(peak < _MOST)}"],
        ["first quarter of the hour", f"{first / 1e9:.2f} GB", ""],
        ["last quarter", f"{last / 1e9:.2f} GB", f"constant: {met(last < _FLAT * first)}"],
    ]
    return f"## Memory\n\n{_INTRO.format(**figures)}\n{table(['resident', '', 'target'], lines)}"


_INTRO = """A scorer with {assets:,} assets of {sensors} sensors and windows of 64 rows. After every window is
full, an hour with one row a minute ({rows:,} rows). The memory includes interpreter, torch, model and
librdkafka's queue.
"""


def _mean(values: list[int]) -> float:
    return sum(values) / len(values)
