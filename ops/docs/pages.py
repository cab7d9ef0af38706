"""The pages of ``docs/`` that are made from the code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ops.docs import commands, metrics, settings

ROOT = Path(__file__).parents[2]
PAGES: Mapping[str, Callable[[], str]] = {
    "docs/commands.md": commands.page,
    "docs/settings.md": settings.page,
    "docs/metrics.md": metrics.page,
}
