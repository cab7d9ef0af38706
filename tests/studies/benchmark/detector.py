"""Part ``detector``: windows a second on one thread, and where their time goes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from tests.studies.benchmark.bench import Bench
from tests.studies.benchmark.cores import alone
from tests.studies.benchmark.load_generator import SENSORS
from tests.studies.markdown import table
from tests.studies.quality.speed_jobs import consecutive_windows, speed
from tfstream.model import bundle as bundles
from tfstream.model.network.inference import PreparedNetwork
from tfstream.model.numerics.precision import fastest_products
from tfstream.model.numerics.threads import one_thread
from tfstream.model.scoring.detector import Detector

_WINDOWS = 1024
_COSTS = 10
_PROFILED = 20


def measure(bench: Bench) -> dict[str, Any]:
    """In a process of its own."""
    bench.log(f"detector: {SENSORS} sensors")
    return dict(alone(work, bundle=bench.bundle))


def work(bundle: Path) -> dict[str, Any]:
    """Rate, profile, and what bfloat16 changes."""
    detector = bundles.load(bundle.read_bytes())
    windows = consecutive_windows(detector, SENSORS, _WINDOWS)
    found = speed(detector, windows)
    single = bundles.load(bundle.read_bytes())
    single.__dict__["prepared"] = PreparedNetwork(single.network, single.config.band_rows, torch.float32)
    values, assets = np.stack([one.window.values for one in windows]), ["x"] * len(windows)
    scores = [_scores(one, values, assets) for one in (detector, single)]
    return {
        "sensors": SENSORS,
        "products": fastest_products(),
        **found,
        "single": speed(single, windows),
        "largest_difference": float(np.abs(scores[0] - scores[1]).max()),
        "usual_distance": float(np.median(np.abs(scores[1] - np.median(scores[1])))),
        "costs": _costs(detector, values, assets),
    }


def _scores(detector: Detector, values: Any, assets: list[str]) -> Any:
    found = detector.measure(values, assets)
    return detector.fuse(found.terms.astype(np.float64), found.usual)


def _costs(detector: Detector, values: Any, assets: list[str]) -> list[dict[str, Any]]:
    """The operations that take most of the time, with their share of it."""
    some = slice(0, 64)
    with one_thread(), profile(activities=[ProfilerActivity.CPU]) as seen:
        for _ in range(_PROFILED):
            detector.measure(values[some], assets[some])
    every = sorted(seen.key_averages(), key=lambda one: -one.self_cpu_time_total)
    total = sum(one.self_cpu_time_total for one in every)
    return [{"name": one.key, "share": one.self_cpu_time_total / total} for one in every[:_COSTS]]


def section(found: Mapping[str, Any]) -> str:
    """Rate, share of the machine's products, profile."""
    lines = [_line(found["products"], found)]
    if found["products"] != "float32":
        lines.append(_line("float32", found["single"]))
    columns = [
        "products in",
        "windows/s",
        "windows/CPU s",
        "MFLOP a window",
        "512 x 512 float32, GFLOP/s",
        "share",
    ]
    costs = table(
        ["operation", "share of the time"],
        [[f"`{one['name']}`", f"{100 * one['share']:.0f} %"] for one in found["costs"]],
    )
    return f"## Detector alone\n\n{_WORDS.format(**found)}\n{table(columns, lines)}\n{_PROFILE}\n{costs}"


_WORDS = """One thread, windows of 64 rows of {sensors} sensors, smoothing and fusion included. The share
is that of a float32 product of 512 x 512 in the same process: above 1 would be possible with bfloat16.
Between the two precisions a score differs by {largest_difference:.2g} at most, where scores usually lie
{usual_distance:.2g} from their median.
"""
_PROFILE = "Where the time goes, by operation (torch's own profiler, children not counted):\n"


def _line(name: str, one: Mapping[str, Any]) -> list[str]:
    return [
        name,
        f"{one['windows_per_second']:,.0f}",
        f"{one['windows_per_cpu_second']:,.0f}",
        f"{one['flops_per_window'] / 1e6:.1f}",
        f"{one['gemm_flops_per_second'] / 1e9:.0f}",
        f"{one['share_of_gemm']:.2f}",
    ]
