"""``python -m ops.docs``: write the reference pages of ``docs/`` from the code."""

from __future__ import annotations

from ops.docs.pages import PAGES, ROOT

if __name__ == "__main__":
    for path, page in PAGES.items():
        (ROOT / path).write_text(page(), encoding="utf-8")
