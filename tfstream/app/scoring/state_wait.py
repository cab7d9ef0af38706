"""Waiting for the state of a partition's last commit, which may become readable a moment after its offset."""

from __future__ import annotations

import time
from collections.abc import Iterable

from tfstream.core.state import PartitionHead, decode_metadata
from tfstream.errors import TfstreamError
from tfstream.streaming.records import Position

_LONGEST_S = 40.0  # a broker rolls back what nobody ends after 15 s, and looks for it every 10 s
_LOOK_MOST_S = 2.0  # what counts of the time between two looks: during an outage nobody could look


class StateBehind(TfstreamError):
    """A partition's state is older than its committed offset, and stays so."""

    exit_code = 4


class StateWait:
    """Tells states that have not come yet from those that never will."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._waited_s: dict[int, float] = {}
        self._looked_at: dict[int, float] = {}

    def forget(self, partitions: Iterable[int]) -> None:
        """They are another's now: what their state lacked says nothing of the next time they come."""
        for partition in partitions:
            self._waited_s.pop(partition, None)

    def is_behind(self, partition: int, position: Position | None, head: PartitionHead | None) -> bool:
        """Whether the offset is our own commit and its state has not come yet.

        Fresh windows are for a group that somebody has reset, never for a state that cannot be read yet.

        :raises StateBehind: when it has not come for a long time in which the broker did answer.
        """
        stands = -1 if head is None else head.offset
        ours = position is not None and decode_metadata(position.metadata) is not None
        if position is None or not ours or stands >= position.offset:
            self.forget([partition])
            return False
        if self._wait(partition) < _LONGEST_S:
            return True
        if head is None:  # the state topic was emptied or made anew
            return False
        raise StateBehind(
            f"partition {partition} of {self._topic}: the group stands at offset {position.offset}, its "
            f"state at {stands} even after {_LONGEST_S:.0f} s; is the broker well? Start again"
        )

    def _wait(self, partition: int) -> float:
        """How long it has been looked for, in seconds."""
        now = time.monotonic()
        waited_s = self._waited_s.get(partition)
        more_s = 0.0 if waited_s is None else min(now - self._looked_at[partition], _LOOK_MOST_S)
        self._waited_s[partition] = (waited_s or 0.0) + more_s
        self._looked_at[partition] = now
        return self._waited_s[partition]
