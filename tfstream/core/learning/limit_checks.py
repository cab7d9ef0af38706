"""What the detection limits say about a challenger: beside the champion, and beside chance."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tfstream.core.faults.sensor_faults import SensorFault
from tfstream.core.learning.detection_limits import DetectionLimits, FaultLimit
from tfstream.core.learning.promotion_rule import GateCheck

_MOST_FACTOR = 1.25  # of the champion's smallest faults; docs/learning.md has what refits change
_MOST_LOST = 0.2  # of the stuck sensors

Pairs = list[tuple[FaultLimit, FaultLimit]]


class _Compared(NamedTuple):
    """The limits of both models for the same sensors, by the kind of fault; the challenger's are second."""

    pairs: dict[SensorFault, Pairs]
    above: float
    within: str


def limit_checks(
    champion: DetectionLimits, challenger: DetectionLimits, *, champion_keeps_budget: bool
) -> list[GateCheck]:
    """Compare the smallest faults that raise an alarm under both models.

    Faults of all kinds that have a size decide together, and so do stuck sensors. A model that misses small
    faults raises few alarms: the other checks would find it good. A champion that does not keep the budget is
    too sensitive, and the comparison decides nothing.
    """
    compared = _compare(champion, challenger)
    ratios = [ratio for fault in compared.pairs if fault.sized for ratio in _log_ratios(compared, fault)]
    stuck = compared.pairs[SensorFault.STUCK]
    checks = [
        *([_factor_check(float(np.exp(np.mean(ratios))), compared.within)] if ratios else []),
        *(_size_check(compared, fault) for fault, pairs in compared.pairs.items() if fault.sized and pairs),
        *([_stuck_check(stuck, compared.within)] if stuck else []),
    ]
    return checks if champion_keeps_budget else [_undecided(check) for check in checks]


def _undecided(check: GateCheck) -> GateCheck:
    """The same line for a champion that does not keep the budget: it decides nothing."""
    if check.holds is None:
        return check
    return replace(check, holds=None, wanted=f"{check.wanted}, not decisive: the champion breaks the budget")


def _compare(champion: DetectionLimits, challenger: DetectionLimits) -> _Compared:
    before = {each.sensor: each.limits for each in champion.sensors}
    pairs: dict[SensorFault, Pairs] = {fault: [] for fault in SensorFault}
    for each in challenger.sensors:
        for name, limit in each.limits.items():
            if name in before.get(each.sensor, {}):
                pairs[SensorFault(name)].append((before[each.sensor][name], limit))
    return _Compared(pairs, challenger.above, _duration(challenger.within_s))


def _log_ratios(compared: _Compared, fault: SensorFault) -> list[float]:
    """The logarithm of the challenger's limit in units of the champion's, for each sensor."""
    sizes = [_sizes(compared, pair) for pair in compared.pairs[fault]]
    return [float(np.log(after / before)) for before, after in sizes]


def _sizes(compared: _Compared, pair: tuple[FaultLimit, FaultLimit]) -> tuple[float, float]:
    """Both limits in deviations; a fault that was not found counts as the next larger size."""
    before, after = (each.or_above(compared.above) for each in pair)
    return before, after


def _factor_check(factor: float, within: str) -> GateCheck:
    return GateCheck(
        what=f"smallest faults found within {within}, in units of the champion's",
        champion=1.0,
        challenger=factor,
        wanted=f"at most {_MOST_FACTOR:g}",
        holds=factor <= _MOST_FACTOR,
    )


def _size_check(compared: _Compared, fault: SensorFault) -> GateCheck:
    """A line that decides nothing: the geometric mean over the sensors."""
    logs = np.log([_sizes(compared, pair) for pair in compared.pairs[fault]])
    before, after = np.exp(logs.mean(axis=0)).tolist()
    return GateCheck(what=f"smallest {fault.value} found, in deviations", champion=before, challenger=after)


def _stuck_check(pairs: Pairs, within: str) -> GateCheck:
    before, after = (float(np.mean([pair[side].found for pair in pairs])) for side in (0, 1))
    return GateCheck(
        what=f"share of stuck sensors found within {within}",
        champion=before,
        challenger=after,
        wanted=f"at most {_MOST_LOST:g} less",
        holds=after >= before - _MOST_LOST,
    )


def limit_warnings(limits: DetectionLimits) -> list[str]:
    """The kinds of faults that the model finds in no more sensors than chance would."""
    return [
        f"{fault.value}: found in {sum(limit.found for limit in limits.of_kind(fault))} of "
        f"{len(limits.of_kind(fault))} sensors within {_duration(limits.within_s)}, up to the largest size "
        f"tried: no more than by chance"
        for fault in SensorFault
        if limits.found_by_chance(fault)
    ]


def _duration(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:.3g} h" if hours >= 1 else f"{seconds / 60:.3g} min"
