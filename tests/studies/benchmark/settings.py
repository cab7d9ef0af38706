"""What the benchmark is run with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_QUICK = 8  # a quick run takes so much less of everything


@dataclass(frozen=True, kw_only=True)
class BenchmarkSettings:
    """``folder`` takes the JSON files, ``work`` what the command makes for itself and may be deleted.

    ``quick`` is a reduced run, to see that everything works; its figures say little.
    """

    quick: bool = False
    folder: Path = Path("docs/performance")
    work: Path = Path("build/benchmark")

    def amount(self, full: int, least: int = 1) -> int:
        """So many rows, rounds or seconds, or fewer in a quick run."""
        return max(full // _QUICK, least) if self.quick else full
