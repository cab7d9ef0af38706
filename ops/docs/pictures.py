"""Pictures of the pages: Mermaid in the Markdown, and beside it the SVG that the site shows.

A forge draws the Mermaid block itself. The site must not: a browser would fetch Mermaid from another host.
So ``make pictures`` draws each block once, into ``docs/pictures``; the site shows that file, and building the
site fails when the block has changed since.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any

_DOCS = Path(__file__).parents[2] / "docs"
FOLDER = _DOCS / "pictures"
_BLOCK = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r"^\s*accTitle:\s*(.+?)\s*$", re.MULTILINE)
_log = logging.getLogger("mkdocs.hooks.pictures")  # a warning here fails a strict build


def title(source: str) -> str:
    """What the picture shows, as its ``accTitle`` says.

    :raises ValueError: when it has none.
    """
    found = _TITLE.search(source)
    if found is None:
        raise ValueError(f"a Mermaid block has no accTitle: {source[:60]!r}")
    return found[1]


def file_name(source: str) -> str:
    return re.sub(r"\W+", "-", title(source).lower()).strip("-") + ".svg"


def mark(source: str) -> str:
    """The first line of the SVG that belongs to this block."""
    return f"<!-- drawn by `make pictures` from {sha256(source.strip().encode()).hexdigest()} -->"


def blocks() -> list[str]:
    """The Mermaid blocks of all pages."""
    return [block for page in sorted(_DOCS.glob("*.md")) for block in _BLOCK.findall(page.read_text("utf-8"))]


def fence(
    source: str, language: str, css_class: str, options: Mapping[str, Any], md: Any, **other: Any
) -> str:
    """The HTML of a Mermaid block: called by ``pymdownx.superfences``, named in ``mkdocs.yml``."""
    name = file_name(source)
    path = FOLDER / name
    drawn = path.read_text("utf-8") if path.exists() else ""
    first, _, svg = drawn.partition("\n")
    if first != mark(source):
        _log.warning("docs/pictures/%s is not the picture of its Mermaid block: run `make pictures`", name)
    return f'<figure class="{css_class}" role="img" aria-label="{escape(title(source))}">{svg}</figure>'
