"""Time per row, without the start of a process."""

from __future__ import annotations

import time
from typing import Any


class RowTimer:
    """Starts after ``warm`` rows. CPU time is that of this process with all its threads."""

    def __init__(self, warm: int) -> None:
        self._warm = warm
        self._began: tuple[int, float, float] | None = None

    def record(self, rows: int) -> None:
        """Report the number of rows that are done."""
        if self._began is None and rows >= self._warm:
            self._began = (rows, time.perf_counter(), time.process_time())

    def result(self, rows: int) -> dict[str, Any]:
        """Rows since the start, and the seconds that they took.

        :raises ValueError: when fewer than ``warm`` rows were done.
        """
        if self._began is None or rows <= self._began[0]:
            raise ValueError(f"{rows} rows are too few: the first {self._warm} rows are not measured")
        before, wall, cpu = self._began
        return {
            "rows": rows - before,
            "seconds": time.perf_counter() - wall,
            "cpu_seconds": time.process_time() - cpu,
        }


def per_second(timing: dict[str, Any], seconds: str = "seconds") -> float:
    """Rows a second."""
    return float(timing["rows"] / timing[seconds])
