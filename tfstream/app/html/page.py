"""The frame of every HTML page that tfstream writes: one style sheet, no script, no network request."""

from __future__ import annotations

from html import escape
from importlib import resources


def render_page(title: str, body: str) -> str:
    """Return a complete HTML document with the style sheet inside.

    :param title: plain text.
    :param body: HTML.
    """
    style = resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )
