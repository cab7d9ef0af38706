"""A hook of MkDocs: what a page of ``docs/`` names becomes a link, and what lies outside becomes plain text.

The pages name each other as a reader of the repository does, ``docs/messages.md`` in backticks. MkDocs then
checks each link: a page that does not exist fails a strict build.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_NAMED = re.compile(r"(?<!\[)`docs/([\w-]+\.md)`")
_OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./([^)#\s]+)(?:#[^)]*)?\)")
_FENCED = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by MkDocs for every page, before Markdown becomes HTML."""
    parts = _FENCED.split(markdown)  # odd ones are code
    return "".join(part if place % 2 else _linked(part) for place, part in enumerate(parts))


def _linked(markdown: str) -> str:
    return _OUTSIDE.sub(_as_text, _NAMED.sub(_as_link, markdown))


def _as_link(named: re.Match[str]) -> str:
    page = named[1]
    return f"[{_heading(_ROOT / 'docs' / page) or page}]({page})"


def _heading(page: Path) -> str | None:
    """The page's title; None where there is no such page."""
    if not page.exists():
        return None
    lines = page.read_text("utf-8").splitlines()
    return next((line.removeprefix("# ") for line in lines if line.startswith("# ")), None)


def _as_text(link: re.Match[str]) -> str:
    """The site does not hold the repository's other files; a link to one that is missing stays, and fails."""
    words, path = link[1], link[2]
    if not (_ROOT / path).exists():
        return link[0]
    return words if path in words else f"{words} (`{path}`)"
