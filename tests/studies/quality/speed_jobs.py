"""Jobs of the part ``speed``, each measured in its own process."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.studies.quality.runs import ignore_progress
from tests.studies.simulated_readings import SECOND_US, names, readings, series
from tfstream.app.detection.score_batch import ScoringInput, score_batch
from tfstream.core.windowing.asset_track import Window
from tfstream.errors import BadData
from tfstream.model import bundle
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.fit import fit
from tfstream.model.numerics.threads import one_thread
from tfstream.model.scoring.detector import Detector
from tfstream.model.scoring.terms import CHUNK

_STATUS = Path("/proc/self/status")
_ROUNDS = 7
_BATCH = 2000  # windows in a batch: as many as the scorer reads records at once
_MATRIX = 512
_PRODUCTS = 100


def training(rows: int, channels: int) -> dict[str, Any]:
    """Seconds of a fit, and the memory of the process in bytes: before the fit, data included, and the peak.

    On a busy machine the CPU seconds of the process are more meaningful than the elapsed time.
    """
    values = readings(rows, channels)
    bytes_before = peak_bytes()
    began, began_cpu = time.perf_counter(), time.process_time()
    try:
        _fit(channels, values)
        failure = None
    except (BadData, MemoryError, RuntimeError) as error:
        failure = f"{type(error).__name__}: {error}"
    return {
        "rows": rows,
        "channels": channels,
        "data_bytes": values.nbytes,
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - began_cpu,
        "bytes_before": bytes_before,
        "peak_bytes": peak_bytes(),
        "failure": failure,
    }


def scoring(rows: int, channels: int) -> dict[str, Any]:
    """Windows a second, compared with the machine's rate of matrix products.

    The detector is trained on ``rows`` rows: enough to fill its memory and its bank.
    """
    detector = _fit(channels, readings(rows, channels))
    rates = speed(detector, consecutive_windows(detector, channels, _BATCH))
    return {"channels": channels, **rates, "bundle_bytes": len(bundle.dump(detector))}


def speed(detector: Detector, windows: list[ScoringInput]) -> dict[str, float]:
    """Windows a second on one thread, with the machine's rate of matrix products."""
    with one_thread():
        gemm = _highest(_gemm)
        seconds, cpu_seconds = _times(lambda: score_batch(detector, windows))
    flops = _flops(detector, windows[:CHUNK])
    cpu_rate = len(windows) / median(cpu_seconds)
    return {
        "windows_per_second": len(windows) / median(seconds),
        "windows_per_cpu_second": cpu_rate,
        "flops_per_window": flops,
        "gemm_flops_per_second": gemm,
        "share_of_gemm": cpu_rate * flops / gemm,
    }


def peak_bytes() -> int:
    """The peak memory of this process, without the memory of its parent at its start."""
    if _STATUS.exists():
        for line in _STATUS.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _fit(channels: int, values: np.ndarray[Any, np.dtype[np.float32]]) -> Detector:
    return fit([series(values)], names(channels), SECOND_US, DetectorConfig(), 0, ignore_progress)


def consecutive_windows(detector: Detector, channels: int, count: int) -> list[ScoringInput]:
    """Successive windows of one asset."""
    rows, hop = detector.window_rows, detector.hop_rows
    values = readings(rows + hop * (count - 1), channels, seed=1)
    ends = range(rows, len(values) + 1, hop)
    return [ScoringInput(0, "x", Window(end - 1, values[end - rows : end], 0, 0), None) for end in ends]


def _times(work: Callable[[], object]) -> tuple[list[float], list[float]]:
    """Elapsed seconds and CPU seconds of each round, after a warm-up round."""
    work()
    rounds = []
    for _ in range(_ROUNDS):
        began, began_cpu = time.perf_counter(), time.process_time()
        work()
        rounds.append((time.perf_counter() - began, time.process_time() - began_cpu))
    seconds, cpu_seconds = zip(*rounds, strict=True)
    return list(seconds), list(cpu_seconds)


def _highest(rate: Callable[[], float]) -> float:
    return max(rate() for _ in range(_ROUNDS))


def _gemm() -> float:
    """Floating-point operations a CPU second of a float32 matrix product, 512 x 512."""
    left, right = torch.randn(2, _MATRIX, _MATRIX)
    began = time.process_time()
    for _ in range(_PRODUCTS):
        left @ right
    return _PRODUCTS * 2 * _MATRIX**3 / (time.process_time() - began)


def _flops(detector: Detector, windows: list[ScoringInput]) -> float:
    """Floating-point operations of the matrix products of one window, as torch counts them.

    Transforms and element-wise operations are not included. The counter does not know the fast path of a
    transformer layer, so the fast path is disabled here.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with FlopCounterMode(display=False) as counter:
            score_batch(detector, windows)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return float(counter.get_total_flops() / len(windows))
