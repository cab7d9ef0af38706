"""Markdown that a forge and the site show alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def notice(source: str) -> str:
    """The first line of a generated page."""
    return f"<!-- `make docs` writes this page from {source}: change the code, not the page. -->"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are Markdown already."""
    return "\n".join(map(_row, (head, ["---"] * len(head), *rows)))


def text(words: str) -> str:
    """Plain words as Markdown: what would be HTML, emphasis or the end of a cell is shown as it is."""
    escaped = words.replace("&", "&amp;").replace("<", "&lt;").replace("|", "&#124;").replace("*", "&#42;")
    return " ".join(escaped.split())


def code(words: str) -> str:
    """Words as code, or nothing. Forge and site disagree on a bar in the code of a cell: there is none."""
    return f"`{words.replace('|', ', ')}`" if words else ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
