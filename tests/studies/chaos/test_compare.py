"""The comparison finds every way in which one holding can differ from another."""

from __future__ import annotations

import pytest

from tests.studies.chaos.compare import Difference, Entry, difference


def entries(*found: tuple[int, str]) -> list[Entry]:
    """Records of one asset: which, and what it says."""
    return [Entry(identity=number, owner="pump", content=content) for number, content in found]


EXPECTED = entries((1, "a"), (2, "b"), (3, "c"))


@pytest.mark.parametrize(
    ("found", "counts"),
    [
        (EXPECTED, {}),
        (entries((1, "a"), (3, "c")), {"missing": 1}),
        (entries((1, "a"), (2, "b"), (2, "b"), (3, "c")), {"duplicated": 1}),
        (entries((1, "a"), (2, "x"), (3, "c")), {"wrong": 1}),
        (entries((1, "a"), (2, "b"), (2, "x"), (3, "c")), {"duplicated": 1}),
        (entries((1, "a"), (2, "b"), (3, "c"), (4, "d")), {"unexpected": 1}),
        (entries((1, "a"), (3, "c"), (2, "b")), {"order": 1}),
        ([], {"missing": 3}),
    ],
)
def test_what_differs_is_counted(found: list[Entry], counts: dict[str, int]) -> None:
    result = difference(EXPECTED, found)
    assert {name: getattr(result, name) for name in counts} == counts
    assert result.any == bool(counts)
    assert bool(result.examples) == bool(counts)
    others = {"missing", "duplicated", "wrong", "unexpected", "order"} - counts.keys()
    assert all(getattr(result, name) == 0 for name in others)


def test_nothing_expected_and_nothing_found_is_no_difference() -> None:
    assert difference([], []) == Difference()
