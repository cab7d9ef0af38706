"""What the study of alarms asks of a method: alarms in rows that name sensors, from normal rows alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tfstream.core.messages.anomaly_event import EventKind
from tfstream.core.reading import Series
from tfstream.core.stream import StreamDefinition


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedAlarm:
    """An alarm in rows of its series.

    ``first`` is the first row of the evidence for it, ``raised`` the row after the newest row that was known
    when it was raised, and ``stop`` the row after its last. ``sensors`` are those that it names when it is
    raised, the most suspicious first; the study reads three. ``witness`` is the statistic that raised it.
    From row ``standing`` on it hides no other alarm; None: it may until it stops.

    A refit on a schedule decides by the other fields what to leave out, as they are when the alarm ends.
    ``blame`` is the share of each sensor; ``expected_per_week`` is how often a week normal data raise such an
    alarm, 0 where the method does not say.
    """

    first: int
    raised: int
    stop: int
    sensors: tuple[str, ...]
    witness: str
    kind: EventKind = EventKind.PROCESS
    blame: Mapping[str, float] = field(default_factory=dict)
    expected_per_week: float = 0.0
    standing: int | None = None

    @property
    def hides_until(self) -> int:
        """The row from which on it hides no other alarm."""
        return self.stop if self.standing is None else min(self.stop, self.standing)


class FittedAlarms(Protocol):
    """A method that has learnt from normal rows and has set its threshold."""

    def alarms(self, series: Series, first_row: int) -> list[NamedAlarm]:
        """The alarms on the rows of ``series`` from ``first_row`` on, in the order of ``raised``.

        The rows before are context: no alarm may begin in them. Row 0 is the first row of a hop, and the rows
        are on the regular grid, NaN where a reading is missing. An alarm that stands at the end stops there.
        An alarm may only use rows before its ``raised``.
        """


class AlarmMethod(Protocol):
    """A way to learn alarms. Its threshold follows from ``definition.alarm_budget_per_week`` alone."""

    @property
    def name(self) -> str:
        """The method's name in tables."""

    def fit(
        self,
        series: Sequence[Series],
        definition: StreamDefinition,
        seed: int,
        champion: FittedAlarms | None = None,
    ) -> FittedAlarms:
        """Learn from normal series, one for each asset or for each unbroken piece of an asset.

        :param champion: the fit in use, of the same method, when this is a refit. The product returns it when
            the promotion gate rejects the new fit; a method without a gate ignores it.
        """
