"""A transaction shrinks while the server has too few locks, and grows again after sixteen that succeeded."""

from __future__ import annotations

from tfstream.app.ingest.transaction_size import TransactionSize


def test_a_size_that_ran_out_of_locks_is_quartered_down_to_one_record() -> None:
    size = TransactionSize()
    sizes = []
    while size.shrink(100):
        sizes.append(size.max_records)
    assert sizes == [25, 6, 1]


def test_the_size_doubles_after_sixteen_transactions() -> None:
    size = TransactionSize()
    assert size.shrink(40)
    for _ in range(15):
        size.succeeded()
    assert size.max_records == 10
    size.succeeded()
    assert size.max_records == 20
