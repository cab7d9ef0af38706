"""The settings of the benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_QUICK = 8  # a quick run does an eighth of everything


@dataclass(frozen=True, kw_only=True)
class BenchmarkSettings:
    """``folder`` receives the JSON files; ``work`` holds installed peers and may be deleted.

    ``quick`` is a reduced run that only checks that everything works; its figures mean little.
    """

    quick: bool = False
    folder: Path = Path("docs/performance")
    work: Path = Path("build/benchmark")

    def amount(self, full: int, least: int = 1) -> int:
        """``full`` rows, rounds or seconds, or fewer in a quick run, but not fewer than ``least``."""
        return max(full // _QUICK, least) if self.quick else full
