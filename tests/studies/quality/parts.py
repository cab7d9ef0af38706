"""The parts of the quality study. A part's module is imported only when it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol, cast

from tests.studies.quality.settings import Settings

PARTS = (
    "suites",
    "ablation",
    "budget",
    "attribution",
    "speed",
    "robustness",
    "gate",
)  # as docs/quality.md has them


class Part(Protocol):
    """What a part's module offers."""

    def measure(self, settings: Settings) -> dict[str, Any]:
        """Figures that JSON can hold; may take hours, tells its progress on stderr."""

    def section(self, found: Mapping[str, Any]) -> str:
        """Markdown from these figures alone."""


def part(name: str) -> Part:
    """:raises KeyError: when there is no such part."""
    if name not in PARTS:
        raise KeyError(name)
    return cast(Part, import_module(f"tests.studies.quality.{name}"))
