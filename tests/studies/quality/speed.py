"""Part ``speed``: time and memory of training and scoring on one thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.studies.markdown import figure, met, table
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
    """Each measurement in its own process, one after the other."""
    return {
        "training": [_measured(training, rows=rows, channels=n) for rows, n in (*_TRAINING_TARGETS, _LARGE)],
        "scoring": [_measured(scoring, rows=_LEARNT_ROWS, channels=n) for n in _RATE_TARGETS],
    }


def _measured(work: Any, **arguments: int) -> Any:
    stderr.print(f"speed: {work.__name__}, {arguments['rows']} rows of {arguments['channels']} channels")
    return run_in_process(work, **arguments)


def section(figures: Mapping[str, Any]) -> str:
    """Training, scoring, size."""
    return "\n".join(
        [
            "## Speed and size\n",
            _INTRO,
            "### Training\n",
            _training(figures["training"]),
            "### Scoring\n",
            _scoring(figures["scoring"]),
        ]
    )


_INTRO = """One thread, simulated correlated readings. *CPU seconds* are the CPU time of the process, which
equals the elapsed time on a machine without other work. Memory is the largest amount that the process held,
including interpreter, libraries and data. *MFLOP a window* counts the matrix products of a window; the share
compares these products in a CPU second with products of 512 x 512 float32 matrices in the same run.
"""


def _training(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = ["rows x channels", "seconds", "CPU seconds", "data, MB", "before, MB", "peak, MB"]
    return table(columns, [_training_line(measurement) for measurement in rows])


def _training_line(measurement: Mapping[str, Any]) -> list[str]:
    """A fit that failed has the error beside its size."""
    size = measurement["rows"], measurement["channels"]
    seconds, megabytes = measurement["seconds"], measurement["peak_bytes"] / 1e6
    wanted = _TRAINING_TARGETS.get(size)
    limit = _MOST_MEMORY / 1e6 if size == _LARGE else None
    failure = f": {measurement['failure']}" if measurement["failure"] else ""
    return [
        f"{measurement['rows']:,} x {measurement['channels']}{failure}",
        _number(seconds) if wanted is None else _with_target(seconds, f"≤ {wanted:.0f}", seconds <= wanted),
        f"{measurement['cpu_seconds']:.1f}",
        f"{measurement['data_bytes'] / 1e6:.0f}",
        f"{measurement['bytes_before'] / 1e6:.0f}",
        _number(megabytes)
        if limit is None
        else _with_target(megabytes, f"≤ {limit:,.0f}", megabytes <= limit),
    ]


def _scoring(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = [
        "channels",
        "windows/s",
        "windows/CPU s",
        "MFLOP a window",
        "product, GFLOP/s",
        "share of the product",
    ]
    return table([*columns, "bundle, MB"], [_scoring_line(measurement) for measurement in rows])


def _scoring_line(measurement: Mapping[str, Any]) -> list[str]:
    rate, wanted, size = (
        measurement["windows_per_second"],
        _RATE_TARGETS[measurement["channels"]],
        measurement["bundle_bytes"],
    )
    return [
        f"{measurement['channels']}",
        _with_target(rate, f"≥ {wanted:,.0f}", rate >= wanted),
        _number(measurement["windows_per_cpu_second"]),
        _number(measurement["flops_per_window"] / 1e6),
        _number(measurement["gemm_flops_per_second"] / 1e9),
        f"{100 * measurement['share_of_gemm']:.0f} %",
        _with_target(size / 1e6, f"≤ {_MOST_BUNDLE / 1e6:.0f}", size <= _MOST_BUNDLE),
    ]


def _with_target(value: float, wanted: str, reached: bool) -> str:
    """A number with its target."""
    return f"{_number(value)} ({wanted}: {met(reached)})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else figure(value, 1)
