"""Whether a new model may take over: the rule, apart from how its figures come about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.alarms.poisson import at_most

MARGIN = 0.03  # of the AUC that a challenger may lie below the champion; docs/quality.md has the measurement
_RARE = 0.05  # a count of alarms that the budget gives less often than this breaks it
_MOST_EXPECTED = 100_000.0
_MOST_ALARMED = 0.2  # of the time: an alarm that never ends is but one
_RESAMPLES = 1000
_LEAST_EXPERIENCE = 0.5  # of the rows that the champion has learnt from

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class GateCheck:
    """A line of the table; ``holds`` is None where it is there to be read only."""

    what: str
    champion: float | None
    challenger: float
    wanted: str = ""
    holds: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GateDecision:
    """Why a model may take over, or may not; ``notes`` are what else there is to know.

    ``usual``: the held-out rows look normal to it, so that they may be learnt from.
    """

    promote: bool
    checks: tuple[GateCheck, ...] = ()
    notes: tuple[str, ...] = ()
    usual: bool = True

    @property
    def reason(self) -> str:
        """What broke, or else what held, and the notes, as one text."""
        decisive = [check for check in self.checks if check.holds is not None and check.holds == self.promote]
        return "; ".join([*(_told(check) for check in decisive), *self.notes])


def _told(check: GateCheck) -> str:
    against = "" if check.champion is None else f" against {check.champion:.4g} of the champion"
    return f"{check.what}: {check.challenger:.4g}{against}, wanted {check.wanted}"


class AlarmCount(NamedTuple):
    """How many were ``raised`` in ``weeks`` of one asset's time, where the budgets allow ``allowed``.

    ``share`` of that time was under alarm.
    """

    raised: int
    allowed: float
    share: float
    weeks: float

    @property
    def lasting(self) -> bool:
        """An alarm that hardly ever ends is but one: then their number says nothing."""
        return self.share > _MOST_ALARMED

    @property
    def usual(self) -> bool:
        """The budget gives as many by chance."""
        return self.raised <= most_alarms(self.allowed) and not self.lasting


def budget_checks(champion: AlarmCount | None, challenger: AlarmCount) -> list[GateCheck]:
    """The alarms on held-out normal data against the most that the budget lets come about by chance.

    Where the champion raises more than that itself, the challenger need only be no worse: to keep a model
    that stands under alarm protects nobody.
    """
    return [_count_check(champion, challenger), _share_check(champion, challenger)]


def _count_check(champion: AlarmCount | None, challenger: AlarmCount) -> GateCheck:
    most = most_alarms(challenger.allowed)
    wanted = f"at most {most} (the budget gives {challenger.allowed:.2g})"
    holds: bool | None = challenger.raised <= most
    if not holds and champion and champion.lasting:
        wanted, holds = f"{wanted}, or so many: the champion's alarm hardly ends", None
    elif not holds and champion and champion.raised > most:
        wanted, holds = f"{wanted}, or no more than the champion", challenger.raised <= champion.raised
    return GateCheck(
        what=f"alarms in {challenger.weeks * 7:.3g} asset days of held-out normal data",
        champion=champion.raised if champion else None,
        challenger=challenger.raised,
        wanted=wanted,
        holds=holds,
    )


def _share_check(champion: AlarmCount | None, challenger: AlarmCount) -> GateCheck:
    wanted, holds = f"at most {_MOST_ALARMED:g}", not challenger.lasting
    if not holds and champion and champion.lasting:
        wanted, holds = f"{wanted}, or no more than the champion", challenger.share <= champion.share
    return GateCheck(
        what="share of that time under alarm",
        champion=champion.share if champion else None,
        challenger=challenger.share,
        wanted=wanted,
        holds=holds,
    )


def experience_check(champion_rows: int, rows: int) -> GateCheck:
    """A model of far fewer rows may do as well on a few held-out ones, and knows nothing of other days."""
    return GateCheck(
        what="rows learnt from",
        champion=champion_rows,
        challenger=rows,
        wanted=f"at least {_LEAST_EXPERIENCE:g} of the champion's",
        holds=rows >= _LEAST_EXPERIENCE * champion_rows,
    )


def most_alarms(expected: float) -> int:
    """The largest count that a Poisson law of this mean reaches at least once in twenty times.

    One alarm is always allowed: however short the time, it may be a fault that nobody has labelled. More than
    the held-out rows have room for is not counted out: a budget without bounds must not hold up a refit.
    """
    expected = min(expected, _MOST_EXPECTED)
    most = max(int(expected), 1)
    while 1 - at_most(most, expected) >= _RARE:
        most += 1
    return most


def detection_checks(kinds: Sequence[str], champion: Array | None, challenger: Array) -> list[GateCheck]:
    """How well faults are told from normal data: of all kinds together, which decides, and of each.

    :param champion: how each fault ranks among normal places ``[faults]``, as ``challenger``: paired.
    """
    found = [_detection("faults found (AUC), all kinds", champion, challenger)]
    for kind in dict.fromkeys(kinds):
        own = np.array([name == kind for name in kinds])
        of_champion = None if champion is None else float(champion[own].mean())
        found.append(GateCheck(what=kind, champion=of_champion, challenger=float(challenger[own].mean())))
    return found


def _detection(what: str, champion: Array | None, challenger: Array) -> GateCheck:
    mean = float(challenger.mean())
    if champion is None:
        return GateCheck(what=what, champion=None, challenger=mean)
    low, high = interval(challenger - champion)
    return GateCheck(
        what=what,
        champion=float(champion.mean()),
        challenger=mean,
        wanted=f"at most {MARGIN:g} less (difference {low:+.3f} to {high:+.3f})",
        holds=float((challenger - champion).mean()) >= -MARGIN,
    )


def interval(differences: Array) -> tuple[float, float]:
    """A bootstrap interval of 95 % for the mean of paired differences ``[n]``; the same each time."""
    rng = np.random.default_rng(0)
    drawn = rng.choice(differences, (_RESAMPLES, len(differences))).mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def as_metrics(verdict: GateDecision) -> dict[str, Any]:
    """As JSON keeps it."""
    checks = [{name: getattr(check, name) for name in check.__slots__} for check in verdict.checks]
    return {"promote": verdict.promote, "reason": verdict.reason, "checks": checks, "notes": [*verdict.notes]}
