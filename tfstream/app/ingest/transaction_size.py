"""How many records go into one database transaction: fewer while the server runs out of locks."""

from __future__ import annotations

_UNLIMITED = 1 << 30  # all records that were read, unless they need more locks than the server has
_GROW_AFTER = 16  # transactions in a row


class TransactionSize:
    """The largest number of records in one transaction.

    Each day partition of a table takes a lock. Records of many days may need more locks than the server has;
    the size then shrinks until a transaction fits, and grows again when the old records are written.
    """

    def __init__(self) -> None:
        self.max_records = _UNLIMITED
        self._succeeded = 0  # transactions since the size was last changed

    def shrink(self, records: int) -> bool:
        """Take a quarter of a size that ran out of locks, which was ``records`` at most; False at size 1."""
        if self.max_records == 1:
            return False
        self.max_records, self._succeeded = max(1, min(self.max_records, records) // 4), 0
        return True

    def succeeded(self) -> None:
        """Double the size after 16 transactions; a larger transaction may run out of locks once more."""
        self._succeeded += 1
        if self._succeeded >= _GROW_AFTER:
            self.max_records, self._succeeded = min(2 * self.max_records, _UNLIMITED), 0
