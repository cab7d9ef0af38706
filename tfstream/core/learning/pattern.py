"""Patterns for the names of assets and sensors: ``*`` is any text, ``?`` any one character.

Nothing else is special: sensors have names like ``T101 [bar]``. The schema's function ``name_matches`` is the
same in SQL.
"""

from __future__ import annotations

import re


def matches(pattern: str | None, name: str) -> bool:
    """Whether the whole name is as the pattern says; None fits every name."""
    return pattern is None or re.fullmatch(_expression(pattern), name, re.DOTALL) is not None


def _expression(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
