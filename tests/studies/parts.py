"""A study in parts: each part is measured by itself, saved as JSON, and rendered as a section of a page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast


class StudyPart(Protocol):
    """The two functions of a part's module."""

    def measure(self, run: Any, /) -> dict[str, Any]:
        """Figures that JSON can hold. May take hours, and reports its progress on stderr."""

    def section(self, figures: Mapping[str, Any], /) -> str:
        """Markdown from these figures alone."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """``package`` has one module for each of the ``parts``, which stand in the page in this order."""

    package: str
    parts: tuple[str, ...]
    intro: str

    def part(self, name: str) -> StudyPart:
        """:raises KeyError: when there is no such part."""
        if name not in self.parts:
            raise KeyError(name)
        return cast(StudyPart, import_module(f"{self.package}.{name}"))

    def unknown(self, names: Iterable[str]) -> list[str]:
        """The names that are no parts of this study."""
        return sorted(set(names) - set(self.parts))


def save_part(folder: Path, name: str, document: Mapping[str, Any]) -> None:
    """Write a part's figures as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=1, allow_nan=False) + "\n"
    (folder / f"{name}.json").write_text(text, encoding="utf-8")
