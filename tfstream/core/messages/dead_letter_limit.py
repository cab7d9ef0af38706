"""When unreadable messages are no longer a few broken ones but a broken deployment.

A limit stops the partition at the first unreadable message beyond it, instead of diverting all that follow.
The tally is a function of the partition's log alone and is kept with the partition's state: a process that is
started again and again at the limit diverts nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

HALF_LIFE = 1000  # messages: one counts half as much once so many have come after it
MIN_SEEN = 1000  # messages: of fewer, no share is judged
_DECAY = 0.5 ** (1 / HALF_LIFE)


class DeadLetterTally(msgspec.Struct, kw_only=True):
    """Counts of one partition, brought up to date at every unreadable message.

    Between two of them only ``readable`` moves, by the caller: readable messages cost one addition.
    """

    seen: int = 0  # messages up to the last unreadable one, it included
    weight: float = 0.0  # the unreadable ones among them, each halved for every HALF_LIFE that came after it
    run: int = 0  # unreadable in a row up to the last one
    readable: int = 0  # since the last unreadable one


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetterLimit:
    """``run`` messages in a row, or more than ``share`` (0 to 1) of the latest ones; 0 is no limit.

    The default share leaves a topic alone on which every other message is of another kind.
    """

    run: int = 1000
    share: float = 0.6

    def with_unreadable(self, tally: DeadLetterTally) -> DeadLetterTally:
        """The tally after one more unreadable message; what no limit watches is forgotten.

        So a limit that is switched off for one start, to get past a bad stretch, begins afresh after it.
        """
        gap = tally.readable + 1
        return DeadLetterTally(
            seen=tally.seen + gap if self.share else 0,
            weight=tally.weight * _DECAY**gap + 1.0 if self.share else 0.0,
            run=(1 if tally.readable else tally.run + 1) if self.run else 0,
        )

    def excess(self, tally: DeadLetterTally) -> str | None:
        """Which limit the tally is beyond, in words; None while it is within both."""
        if self.run and tally.run > self.run:
            return f"more than {self.run} messages in a row cannot be read"
        if self.share and tally.seen >= MIN_SEEN and share_of(tally) > self.share:
            return f"more than {self.share:.0%} of the latest messages cannot be read"
        return None


def share_of(tally: DeadLetterTally) -> float:
    """The weighted share of unreadable messages, as it stood at the last of them; 0 before the first."""
    if not tally.seen:
        return 0.0
    whole = (1.0 - _DECAY**tally.seen) / (1.0 - _DECAY)
    return float(tally.weight / whole)
