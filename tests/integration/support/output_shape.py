"""The shape of a command's output: what stays the same however the figures in it change."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_WORDS = 6  # of a sentence; what follows depends on the data
_STATES = ("ok", "warning", "error")  # `tfstream check` begins its lines with them
_ADVICE = "→"  # it follows from a state
_LOG_LINE = re.compile(r"\d\d:\d\d:\d\d [A-Z]+ ")
_FIGURE = re.compile(r"\S*\d\S*")


class OutputShape(NamedTuple):
    """``headers`` of tables, and ``lines``: names of fields and beginnings of sentences, without figures."""

    headers: frozenset[str]
    lines: frozenset[str]


def shape_of(output: Iterable[str]) -> OutputShape:
    """The shape of lines; rows of tables, advice and log lines are left out.

    They depend on the data and on time.
    """
    headers, lines = set(), set()
    in_table = False
    for line in output:
        cells = re.split(r" {2,}", line.strip())
        if _LOG_LINE.match(line) or not cells[0] or cells[0].startswith(_ADVICE):
            in_table = False
        elif cells[0] in _STATES:
            lines.add(f"check of {cells[1]}")
        elif len(cells) > 2:
            headers.update([] if in_table else [line.strip()])
            in_table = True
        else:
            lines.add(_beginning(cells[0]))
            in_table = False
    return OutputShape(frozenset(re.sub(r" +", " ", header) for header in headers), frozenset(lines))


def _beginning(text: str) -> str:
    return " ".join(_FIGURE.sub("#", text).split()[:_WORDS])
