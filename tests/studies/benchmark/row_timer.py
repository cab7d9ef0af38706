"""Time from a mark on: what is measured is a process at work, not its start."""

from __future__ import annotations

import time
from typing import Any


class RowTimer:
    """Begins once ``warm`` rows are done. CPU time is the process's own, of all its threads."""

    def __init__(self, warm: int) -> None:
        self._warm = warm
        self._began: tuple[int, float, float] | None = None

    def record(self, rows: int) -> None:
        """So many rows are done by now."""
        if self._began is None and rows >= self._warm:
            self._began = (rows, time.perf_counter(), time.process_time())

    def result(self, rows: int) -> dict[str, Any]:
        """Rows since the mark, and the seconds that they took.

        :raises ValueError: when the mark was never reached.
        """
        if self._began is None or rows <= self._began[0]:
            raise ValueError(f"{rows} rows are too few to measure anything after the first {self._warm}")
        before, wall, cpu = self._began
        return {
            "rows": rows - before,
            "seconds": time.perf_counter() - wall,
            "cpu_seconds": time.process_time() - cpu,
        }


def per_second(timing: dict[str, Any], seconds: str = "seconds") -> float:
    """Rows a second."""
    return float(timing["rows"] / timing[seconds])
