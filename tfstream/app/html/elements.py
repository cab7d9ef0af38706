"""Small parts of a page: table, legend and badge."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an HTML table. On a narrow page every cell shows its column's name.

    :param columns: plain text.
    :param rows: one HTML text per column in each row.
    """
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(_row(columns, row) for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def legend(*entries: tuple[str, str]) -> str:
    """Return the legend of a chart. Each entry is the style of a line or band, and its plain text."""
    items = "".join(f'<span><i class="l-{style}"></i>{escape(text)}</span>' for style, text in entries)
    return f'<div class="legend">{items}</div>'


def badge(text: str, *, good: bool) -> str:
    """Return a short plain text in a coloured frame."""
    return f'<span class="badge {"good" if good else "bad"}">{escape(text)}</span>'


def _row(columns: Sequence[str], row: Sequence[str]) -> str:
    cells = "".join(
        f'<td data-label="{escape(column)}"><span>{cell}</span></td>'
        for column, cell in zip(columns, row, strict=True)
    )
    return f"<tr>{cells}</tr>"
