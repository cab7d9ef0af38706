"""When unreadable messages show a broken deployment instead of a few broken messages.

The limit stops the partition at the first unreadable message beyond it: neither this message nor a later one
becomes a dead letter. The tally depends on the partition's log alone and is stored with the partition's
state: a process that restarts at the limit, however often, writes no further dead letter.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

HALF_LIFE = 1000  # messages, after which an unreadable message counts half
MIN_SEEN = 1000  # messages before the share is compared with its limit
_DECAY = 0.5 ** (1 / HALF_LIFE)


class DeadLetterTally(msgspec.Struct, kw_only=True):
    """Counts of one partition, updated at every unreadable message.

    A readable message costs one addition: the caller adds 1 to ``readable``.
    """

    seen: int = 0  # messages up to and including the last unreadable message
    weight: float = 0.0  # unreadable messages, halved for each HALF_LIFE messages since
    run: int = 0  # unreadable messages in a row, up to the last
    readable: int = 0  # messages since the last unreadable message


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetterLimit:
    """More than ``run`` unreadable messages in a row, or ``share`` (0 to 1) of the latest; 0 is no limit.

    The default share does not stop a topic in which every other message is of another kind.
    """

    run: int = 1000
    share: float = 0.6

    def with_unreadable(self, tally: DeadLetterTally) -> DeadLetterTally:
        """The tally after one more unreadable message; the count of a limit that is 0 is reset.

        An operator can switch a limit off for one start, to pass a stretch of unreadable messages: after it,
        the limit counts from zero.
        """
        gap = tally.readable + 1
        return DeadLetterTally(
            seen=tally.seen + gap if self.share else 0,
            weight=tally.weight * _DECAY**gap + 1.0 if self.share else 0.0,
            run=(1 if tally.readable else tally.run + 1) if self.run else 0,
        )

    def excess(self, tally: DeadLetterTally) -> str | None:
        """Which limit the tally exceeds, in words; None while it exceeds neither."""
        if self.run and tally.run > self.run:
            return f"more than {self.run} messages in a row cannot be read"
        if self.share and tally.seen >= MIN_SEEN and unreadable_share(tally) > self.share:
            return f"more than {self.share:.0%} of the latest messages cannot be read"
        return None


def unreadable_share(tally: DeadLetterTally) -> float:
    """The weighted share of unreadable messages, at the last of them; 0 before the first."""
    if not tally.seen:
        return 0.0
    total = (1.0 - _DECAY**tally.seen) / (1.0 - _DECAY)
    return float(tally.weight / total)
