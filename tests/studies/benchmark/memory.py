"""Part ``memory``: what a scorer holds for 5,000 assets, and whether it stays at that."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.studies.benchmark.bench import Bench
from tests.studies.benchmark.cores import alone
from tests.studies.benchmark.load_generator import SENSORS, BenchmarkPlant, fill, make_topic
from tests.studies.benchmark.topic_runs import score
from tests.studies.markdown import table

_ASSETS, _WARM_ROWS, _HOUR_ROWS = 5_000, 72, 60
_MOST, _FLAT = 1.5e9, 1.05
_EVERY_S = 0.25
_STATUS = Path("/proc/self/status")


def measure(bench: Bench) -> dict[str, Any]:
    """An hour at a row a minute, once every window is full."""
    topic, assets = bench.topic("memory"), bench.settings.amount(_ASSETS)
    make_topic(bench.bootstrap, topic, 1)
    rows = _WARM_ROWS + _HOUR_ROWS
    bench.log(f"memory: filling the topic with {assets * rows:,} rows of {assets:,} assets")
    sent = fill(bench.bootstrap, topic, BenchmarkPlant(assets).messages(0, rows))
    bench.log("memory: scoring them")
    found = alone(
        work, bootstrap=bench.bootstrap, topic=topic, rows=sent, warm=_WARM_ROWS * assets, bundle=bench.bundle
    )
    return {"assets": assets, "sensors": SENSORS, **found}


def work(bootstrap: str, topic: str, rows: int, warm: int, bundle: Path) -> dict[str, Any]:
    """Resident bytes over the run, from the moment on that every window is full."""
    resident: list[int] = []
    seen_at = 0.0

    def look(done: int) -> None:
        nonlocal seen_at
        if done >= warm and time.monotonic() > seen_at + _EVERY_S:
            resident.append(_bytes("VmRSS:"))
            seen_at = time.monotonic()

    found = score(bootstrap, topic, rows, warm, bundle, look=look)
    return {**found, "resident_bytes": resident, "peak_bytes": _bytes("VmHWM:")}


def _bytes(name: str) -> int:
    line = next(line for line in _STATUS.read_text(encoding="utf-8").splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def section(found: Mapping[str, Any]) -> str:
    """Peak and course."""
    peak, resident = found["peak_bytes"], found["resident_bytes"]
    first, last = _mean(resident[: len(resident) // 4]), _mean(resident[-len(resident) // 4 :])
    lines = [
        ["peak", f"{peak / 1e9:.2f} GB", f"< {_MOST / 1e9:.1f} GB: {_verdict(peak < _MOST)}"],
        ["first quarter of the hour", f"{first / 1e9:.2f} GB", ""],
        ["last quarter", f"{last / 1e9:.2f} GB", f"flat: {_verdict(last < _FLAT * first)}"],
    ]
    return f"## Memory\n\n{_WORDS.format(**found)}\n{table(['resident', '', 'target'], lines)}"


_WORDS = """A scorer with {assets:,} assets of {sensors} sensors; our window is 64 rows. After every
window is full, an hour at one row a minute ({rows:,} rows). Interpreter, torch, model and librdkafka's
queue are in it.
"""


def _mean(values: list[int]) -> float:
    return sum(values) / len(values)


def _verdict(reached: bool) -> str:
    return "met" if reached else "**missed**"
