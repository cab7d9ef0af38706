"""Patterns for the names of assets and sensors: ``*`` is any text, ``?`` any single character.

No other character is special: sensors have names like ``T101 [bar]``. The function ``name_matches`` of
the schema does the same in SQL.
"""

from __future__ import annotations

import re


def matches(pattern: str | None, name: str) -> bool:
    """Whether the whole name matches the pattern; None matches every name."""
    return pattern is None or re.fullmatch(_expression(pattern), name, re.DOTALL) is not None


def _expression(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
