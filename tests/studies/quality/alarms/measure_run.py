"""The alarms of one run against its faults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.studies.quality.alarms.cases import CaseRun, LabelledFault, Mask
from tests.studies.quality.alarms.methods import NamedAlarm
from tfstream.core.quality.event_quality import GRACE_ROWS

_MOST_SENSORS = 3  # that count of those that an alarm names: in a long list a fault is found by chance


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundFault:
    """A fault and the alarms that were raised in it or within 16 rows after it. Delays are in rows.

    ``delay`` is that of the first alarm that names a touched sensor among its first three, ``any_delay`` that
    of the first alarm; None without such an alarm. ``right_first``: the first alarm names a touched sensor
    first; None where nobody knows the touched sensors, or without an alarm.
    """

    kind: str
    delay: int | None
    any_delay: int | None
    right_first: bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOutcome:
    """What the alarms of a run found and cost.

    ``stood`` counts normal rows under an alarm, ``longest`` the rows that a single alarm stood; both only as
    long as the alarm may hide another.
    """

    part: str
    faults: tuple[FoundFault, ...]
    false_alarms: int
    normal_rows: int
    stood: int
    longest: int


def measure_run(run: CaseRun, alarms: Sequence[NamedAlarm]) -> RunOutcome:
    """Match each alarm by the time when it was raised.

    An alarm that was raised before a fault does not find it, even if it still stands. An alarm in rows that
    are not scored counts neither as true nor as false.
    """
    causes = [_cause(alarm, run.faults) for alarm in alarms]
    ignored = run.unscored if run.unscored is not None else np.zeros(len(run.series.values), dtype=np.bool_)
    false = [
        alarm
        for alarm, cause in zip(alarms, causes, strict=True)
        if cause is None and not ignored[min(alarm.raised, len(ignored)) - 1]
    ]
    raised = [
        [alarm for alarm, cause in zip(alarms, causes, strict=True) if cause == number]
        for number in range(len(run.faults))
    ]
    normal = run.normal
    return RunOutcome(
        part=run.part,
        faults=tuple(_found(fault, its) for fault, its in zip(run.faults, raised, strict=True)),
        false_alarms=len(false),
        normal_rows=int(normal.sum()),
        stood=int((normal & _alarmed(alarms, len(normal))).sum()),
        longest=max((alarm.hides_until - alarm.first for alarm in alarms), default=0),
    )


def _cause(alarm: NamedAlarm, faults: Sequence[LabelledFault]) -> int | None:
    """The latest fault that had begun when the alarm was raised, and ended at most 16 rows before."""
    within = [
        number for number, fault in enumerate(faults) if fault.first < alarm.raised <= fault.stop + GRACE_ROWS
    ]
    return within[-1] if within else None


def _found(fault: LabelledFault, alarms: Sequence[NamedAlarm]) -> FoundFault:
    touched = set(fault.sensors)
    in_order = sorted(alarms, key=lambda alarm: alarm.raised)
    naming = [alarm for alarm in in_order if not touched or touched & set(alarm.sensors[:_MOST_SENSORS])]
    right_first = bool(touched & set(in_order[0].sensors[:1])) if touched and in_order else None
    return FoundFault(
        kind=fault.kind,
        delay=naming[0].raised - fault.first if naming else None,
        any_delay=in_order[0].raised - fault.first if in_order else None,
        right_first=right_first,
    )


def _alarmed(alarms: Sequence[NamedAlarm], rows: int) -> Mask:
    alarmed = np.zeros(rows, dtype=np.bool_)
    for alarm in alarms:
        alarmed[alarm.first : alarm.hides_until] = True
    return alarmed
