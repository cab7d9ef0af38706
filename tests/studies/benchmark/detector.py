"""Part ``detector``: windows a second on one thread, and the most expensive operations."""

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
    """Measure in a separate process."""
    bench.log(f"detector: {SENSORS} sensors")
    return dict(alone(work, bundle=bench.bundle))


def work(bundle: Path) -> dict[str, Any]:
    """Rate, profile, and the difference between bfloat16 and float32."""
    detector = bundles.load(bundle.read_bytes())
    windows = consecutive_windows(detector, SENSORS, _WINDOWS)
    rates = speed(detector, windows)
    single = bundles.load(bundle.read_bytes())
    single.__dict__["prepared"] = PreparedNetwork(single.network, single.config.band_rows, torch.float32)
    values, assets = np.stack([candidate.window.values for candidate in windows]), ["x"] * len(windows)
    scores = [_scores(model, values, assets) for model in (detector, single)]
    return {
        "sensors": SENSORS,
        "products": fastest_products(),
        **rates,
        "single": speed(single, windows),
        "largest_difference": float(np.abs(scores[0] - scores[1]).max()),
        "usual_distance": float(np.median(np.abs(scores[1] - np.median(scores[1])))),
        "costs": _costs(detector, values, assets),
    }


def _scores(detector: Detector, values: Any, assets: list[str]) -> Any:
    measurement = detector.measure(values, assets)
    return detector.fuse(measurement.terms.astype(np.float64), measurement)


def _costs(detector: Detector, values: Any, assets: list[str]) -> list[dict[str, Any]]:
    """The operations with the largest share of the time."""
    chunk = slice(0, 64)
    with one_thread(), profile(activities=[ProfilerActivity.CPU]) as profiled:
        for _ in range(_PROFILED):
            detector.measure(values[chunk], assets[chunk])
    operations = sorted(profiled.key_averages(), key=lambda operation: -operation.self_cpu_time_total)
    total = sum(operation.self_cpu_time_total for operation in operations)
    return [
        {"name": operation.key, "share": operation.self_cpu_time_total / total}
        for operation in operations[:_COSTS]
    ]


def section(figures: Mapping[str, Any]) -> str:
    """Rate, share of the machine's product rate, profile."""
    lines = [_line(figures["products"], figures)]
    if figures["products"] != "float32":
        lines.append(_line("float32", figures["single"]))
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
        [[f"`{cost['name']}`", f"{100 * cost['share']:.0f} %"] for cost in figures["costs"]],
    )
    return f"## Detector alone\n\n{_INTRO.format(**figures)}\n{table(columns, lines)}\n{_PROFILE}\n{costs}"


_INTRO = """One thread, windows of 64 rows of {sensors} sensors, including smoothing and fusion. *Share*
compares the window's matrix products with float32 products of 512 x 512 matrices in the same process; with
bfloat16 it can exceed 1. Scores in the two precisions differ by at most {largest_difference:.2g}; the median
distance of a score from the median score is {usual_distance:.2g}.
"""
_PROFILE = "Time by operation (torch's profiler, without called operations):\n"


def _line(name: str, rates: Mapping[str, Any]) -> list[str]:
    return [
        name,
        f"{rates['windows_per_second']:,.0f}",
        f"{rates['windows_per_cpu_second']:,.0f}",
        f"{rates['flops_per_window'] / 1e6:.1f}",
        f"{rates['gemm_flops_per_second'] / 1e9:.0f}",
        f"{rates['share_of_gemm']:.2f}",
    ]
