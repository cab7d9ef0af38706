"""The parts of the benchmark. A part's module is imported only when it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol, cast

from tests.studies.benchmark.bench import Bench

# As docs/performance.md has them.
PARTS = (
    "scorer",
    "detector",
    "runtimes",
    "latency",
    "recorder",
    "training_read",
    "restore",
    "memory",
    "scale",
)
USUAL = tuple(name for name in PARTS if name != "runtimes")  # it takes minutes, and downloads


class Part(Protocol):
    """What a part's module offers."""

    def measure(self, bench: Bench) -> dict[str, Any]:
        """Figures that JSON can hold; tells its progress on stderr."""

    def section(self, found: Mapping[str, Any]) -> str:
        """Markdown from these figures alone."""


def part(name: str) -> Part:
    """:raises KeyError: when there is no such part."""
    if name not in PARTS:
        raise KeyError(name)
    return cast(Part, import_module(f"tests.studies.benchmark.{name}"))
