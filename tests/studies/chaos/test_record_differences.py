"""The comparison detects every way in which one copy of the records can differ from another."""

from __future__ import annotations

import pytest

from tests.studies.chaos.record_differences import ComparedRecord, RecordDifferences, compare_records


def records(*contents: tuple[int, str]) -> list[ComparedRecord]:
    """Records of one asset: identity and content of each."""
    return [ComparedRecord(identity=number, owner="pump", content=content) for number, content in contents]


EXPECTED = records((1, "a"), (2, "b"), (3, "c"))


@pytest.mark.parametrize(
    ("actual", "counts"),
    [
        (EXPECTED, {}),
        (records((1, "a"), (3, "c")), {"missing": 1}),
        (records((1, "a"), (2, "b"), (2, "b"), (3, "c")), {"duplicated": 1}),
        (records((1, "a"), (2, "x"), (3, "c")), {"wrong": 1}),
        (records((1, "a"), (2, "b"), (2, "x"), (3, "c")), {"duplicated": 1}),
        (records((1, "a"), (2, "b"), (3, "c"), (4, "d")), {"unexpected": 1}),
        (records((1, "a"), (3, "c"), (2, "b")), {"order": 1}),
        ([], {"missing": 3}),
    ],
)
def test_differences_are_counted_by_kind(actual: list[ComparedRecord], counts: dict[str, int]) -> None:
    differences = compare_records(EXPECTED, actual)
    assert {name: getattr(differences, name) for name in counts} == counts
    assert differences.any == bool(counts)
    assert bool(differences.examples) == bool(counts)
    others = {"missing", "duplicated", "wrong", "unexpected", "order"} - counts.keys()
    assert all(getattr(differences, name) == 0 for name in others)


def test_no_records_on_both_sides_are_no_difference() -> None:
    assert compare_records([], []) == RecordDifferences()
