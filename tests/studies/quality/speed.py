"""Part ``speed``: what training and scoring cost, on one thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.studies.markdown import figure, table
from tests.studies.processes import run_in_process
from tests.studies.quality.settings import QualitySettings
from tests.studies.quality.speed_jobs import scoring, training
from tests.studies.study_command import stderr

_TRAINING_TARGETS = {(2_000, 25): 15.0, (50_000, 30): 60.0}  # seconds
_LARGE = (1_000_000, 127)
_LEARNT_ROWS = 20_000  # enough to fill the memory and the bank
_RATE_TARGETS = {25: 3_000.0, 127: 1_500.0}  # windows a second
_MOST_BUNDLE = 5e6
_MOST_MEMORY = 2 * 1024**3


def measure(settings: QualitySettings) -> dict[str, Any]:
    """Every measurement in a process of its own, one after the other."""
    return {
        "training": [_measured(training, rows=rows, channels=n) for rows, n in (*_TRAINING_TARGETS, _LARGE)],
        "scoring": [_measured(scoring, rows=_LEARNT_ROWS, channels=n) for n in _RATE_TARGETS],
    }


def _measured(work: Any, **arguments: int) -> Any:
    stderr.print(f"speed: {work.__name__}, {arguments['rows']} rows of {arguments['channels']} channels")
    return run_in_process(work, **arguments)


def section(found: Mapping[str, Any]) -> str:
    """Training, scoring, size."""
    return "\n".join(
        [
            "## Speed and size\n",
            _WORDS,
            "### Training\n",
            _training(found["training"]),
            "### Scoring\n",
            _scoring(found["scoring"]),
        ]
    )


_WORDS = """One thread, simulated correlated readings. *CPU seconds* are the process's own: they say what the
clock would on a machine that has nothing else to do. Memory is the most that the process held, interpreter,
libraries and data included. A window's operations are those of its matrix products; windows a CPU second
times these are compared with products of 512 x 512 float32 in the same run.
"""


def _training(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = ["rows x channels", "seconds", "CPU seconds", "data, MB", "before, MB", "peak, MB"]
    return table(columns, [_training_line(one) for one in rows])


def _training_line(one: Mapping[str, Any]) -> list[str]:
    """A fit that failed says so beside its size."""
    size = one["rows"], one["channels"]
    seconds, megabytes = one["seconds"], one["peak_bytes"] / 1e6
    wanted = _TRAINING_TARGETS.get(size)
    limit = _MOST_MEMORY / 1e6 if size == _LARGE else None
    failure = f": {one['failure']}" if one["failure"] else ""
    return [
        f"{one['rows']:,} x {one['channels']}{failure}",
        _number(seconds) if wanted is None else _judged(seconds, f"≤ {wanted:.0f}", seconds <= wanted),
        f"{one['cpu_seconds']:.1f}",
        f"{one['data_bytes'] / 1e6:.0f}",
        f"{one['bytes_before'] / 1e6:.0f}",
        _number(megabytes) if limit is None else _judged(megabytes, f"≤ {limit:,.0f}", megabytes <= limit),
    ]


def _scoring(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = ["channels", "windows/s", "windows/CPU s", "MFLOP a window", "product, GFLOP/s", "share of it"]
    return table([*columns, "bundle, MB"], [_scoring_line(one) for one in rows])


def _scoring_line(one: Mapping[str, Any]) -> list[str]:
    rate, wanted, size = one["windows_per_second"], _RATE_TARGETS[one["channels"]], one["bundle_bytes"]
    return [
        f"{one['channels']}",
        _judged(rate, f"≥ {wanted:,.0f}", rate >= wanted),
        _number(one["windows_per_cpu_second"]),
        _number(one["flops_per_window"] / 1e6),
        _number(one["gemm_flops_per_second"] / 1e9),
        f"{100 * one['share_of_gemm']:.0f} %",
        _judged(size / 1e6, f"≤ {_MOST_BUNDLE / 1e6:.0f}", size <= _MOST_BUNDLE),
    ]


def _judged(value: float, wanted: str, reached: bool) -> str:
    """A figure beside its target."""
    return f"{_number(value)} ({wanted}: {'met' if reached else '**missed**'})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else figure(value, 1)
