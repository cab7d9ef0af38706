"""Waiting for the state of a partition's last commit, which may become readable a moment after its offset."""

from __future__ import annotations

import time
from collections.abc import Iterable

from tfstream.core.state import PartitionHead, decode_metadata
from tfstream.errors import TfstreamError
from tfstream.streaming.records import Position

_LONGEST_S = 40.0  # a broker rolls back an abandoned transaction after 15 s, and checks for them every 10 s
_MOST_PER_CHECK_S = 2.0  # of the time between two checks: during an outage no check is possible


class StateBehind(TfstreamError):
    """A partition's state stays older than its committed offset."""

    exit_code = 4


class StateWait:
    """Distinguishes a state that is not readable yet from a state that never will be."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._waited_s: dict[int, float] = {}
        self._checked_at: dict[int, float] = {}

    def forget(self, partitions: Iterable[int]) -> None:
        """Start the wait of these partitions from zero when they come back."""
        for partition in partitions:
            self._waited_s.pop(partition, None)

    def is_behind(self, partition: int, position: Position | None, head: PartitionHead | None) -> bool:
        """Whether the committed offset is tfstream's own and its state is not readable yet.

        Empty windows are right for a group whose offsets an operator has reset, never for a state that is
        only not readable yet.

        :raises StateBehind: when it is not readable for a long time in which the broker does answer.
        """
        state_offset = -1 if head is None else head.offset
        ours = position is not None and decode_metadata(position.metadata) is not None
        if position is None or not ours or state_offset >= position.offset:
            self.forget([partition])
            return False
        if self._wait(partition) < _LONGEST_S:
            return True
        if head is None:  # the state topic was emptied, or deleted and created again
            return False
        raise StateBehind(
            f"partition {partition} of {self._topic}: the group's offset is {position.offset}, but its "
            f"state is still at {state_offset} after {_LONGEST_S:.0f} s; check the broker, then start again"
        )

    def _wait(self, partition: int) -> float:
        """How long the state has been awaited, in seconds."""
        now = time.monotonic()
        waited_s = self._waited_s.get(partition)
        added_s = 0.0 if waited_s is None else min(now - self._checked_at[partition], _MOST_PER_CHECK_S)
        self._waited_s[partition] = (waited_s or 0.0) + added_s
        self._checked_at[partition] = now
        return self._waited_s[partition]
