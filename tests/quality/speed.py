"""Part ``speed``: what training and scoring cost, on one thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.quality.document import figure, table
from tests.quality.jobs import apart, err
from tests.quality.settings import Settings
from tests.quality.timed import scoring, training

_TRAINING_TARGETS = {(2_000, 25): 15.0, (50_000, 30): 60.0}  # seconds
_LARGE = (1_000_000, 127)
_LEARNT_ROWS = 20_000  # enough to fill the memory and the bank
_RATE_TARGETS = {25: 3_000.0, 127: 1_500.0}  # windows a second
_MOST_BUNDLE = 5e6
_MOST_MEMORY = 2 * 1024**3


def measure(settings: Settings) -> dict[str, Any]:
    """Every measurement in a process of its own, one after the other."""
    return {
        "training": [_told(training, rows=rows, channels=n) for rows, n in (*_TRAINING_TARGETS, _LARGE)],
        "scoring": [_told(scoring, rows=_LEARNT_ROWS, channels=n) for n in _RATE_TARGETS],
    }


def _told(work: Any, **arguments: int) -> Any:
    err.print(f"speed: {work.__name__}, {arguments['rows']} rows of {arguments['channels']} channels")
    return apart(work, **arguments)


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
libraries and data included. A window's operations are those of its matrix products, compared with products of
512 x 512 float32 in the same run.
"""


def _training(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = []
    for one in rows:
        wanted = _TRAINING_TARGETS.get((one["rows"], one["channels"]))
        large = (one["rows"], one["channels"]) == _LARGE
        lines.append(
            [
                f"{one['rows']:,} x {one['channels']}" + (f": {one['failure']}" if one["failure"] else ""),
                _number(one["seconds"], wanted and f"≤ {wanted:.0f}", wanted and one["seconds"] <= wanted),
                f"{one['cpu_seconds']:.1f}",
                f"{one['data_bytes'] / 1e6:.0f}",
                f"{one['bytes_before'] / 1e6:.0f}",
                _number(
                    one["peak_bytes"] / 1e6,
                    f"≤ {_MOST_MEMORY / 1e6:.0f}" if large else None,
                    one["peak_bytes"] <= _MOST_MEMORY,
                ),
            ]
        )
    return table(["rows x channels", "seconds", "CPU seconds", "data, MB", "before, MB", "peak, MB"], lines)


def _scoring(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = []
    for one in rows:
        wanted = _RATE_TARGETS[one["channels"]]
        rate = one["windows_per_second"]
        lines.append(
            [
                f"{one['channels']}",
                _number(rate, f"≥ {wanted:,.0f}", rate >= wanted),
                f"{one['windows_per_cpu_second']:,.0f}",
                f"{one['flops_per_window'] / 1e6:.1f}",
                f"{one['gemm_flops_per_second'] / 1e9:.1f}",
                f"{100 * one['share_of_gemm']:.0f} %",
                _number(
                    one["bundle_bytes"] / 1e6,
                    f"≤ {_MOST_BUNDLE / 1e6:.0f}",
                    one["bundle_bytes"] <= _MOST_BUNDLE,
                ),
            ]
        )
    columns = [
        "channels",
        "windows/s",
        "windows/CPU s",
        "MFLOP a window",
        "matrix product, GFLOP/s",
        "share of it",
    ]
    return table([*columns, "bundle, MB"], lines)


def _number(value: float, wanted: str | None, reached: bool | None) -> str:
    """A figure, and its target where there is one."""
    text = f"{value:,.0f}" if value >= 100 else figure(value, 1)
    return text if wanted is None else f"{text} ({wanted}: {'met' if reached else '**missed**'})"
