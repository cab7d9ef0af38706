"""The promotion rule: whether a new model, the challenger, may become champion.

:mod:`tfstream.app.training.gate` measures the figures that the rule compares: alarms on held-out normal rows
against the budget, detection of artificial faults against the champion, and the rows learnt from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from tfstream.core.alarms.forward_check import ForwardCheck
from tfstream.core.alarms.poisson import at_most
from tfstream.core.learning.detection_limits import DetectionLimits
from tfstream.core.messages.witness import Witness

MARGIN = 0.03  # of AUC: a challenger may be this much below the champion; measured in docs/quality.md
_RARE = 0.05  # a count of alarms with less than this probability breaks the budget
_MOST_EXPECTED = 100_000.0
_MAX_SHARE_UNDER_ALARM = 0.2  # of the time: an alarm that never ends counts as one alarm only
_RESAMPLES = 1000
_CHANCE = 0.5  # the AUC of a model that knows nothing
_MIN_SHARE_OF_CHAMPION_ROWS = 0.5  # of the rows that the champion learnt from

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class GateCheck:
    """A line of the gate's table; ``holds`` is None for a line that decides nothing."""

    what: str
    champion: float | None
    challenger: float
    wanted: str = ""
    holds: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GateDecision:
    """Whether a model may become champion, the checks behind that, and ``notes`` on the comparison.

    ``looks_normal``: the held-out rows look normal to the model, so that a refit may learn from them.
    ``score_forward`` is what the score's threshold for one alarm gives on the held-out rows, and
    ``first_witnesses`` has the first witness of each alarm there under the stream's own budget. ``limits``
    are the model's detection limits there; None where they were not measured. ``warnings`` say what the model
    does not find; they reject no model.
    """

    promote: bool
    checks: tuple[GateCheck, ...] = ()
    notes: tuple[str, ...] = ()
    looks_normal: bool = True
    score_forward: ForwardCheck | None = None
    first_witnesses: tuple[Witness, ...] = ()
    limits: DetectionLimits | None = None
    warnings: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """The checks that failed, or if none did, those that passed, and the notes, as one text."""
        decisive = [check for check in self.checks if check.holds is not None and check.holds == self.promote]
        return "; ".join([*(_check_text(check) for check in decisive), *self.notes])


def _check_text(check: GateCheck) -> str:
    against = "" if check.champion is None else f" against {check.champion:.4g} of the champion"
    return f"{check.what}: {check.challenger:.4g}{against}, wanted {check.wanted}"


class AlarmCount(NamedTuple):
    """``raised`` alarms in ``weeks`` of asset time, where the budgets allow ``allowed``.

    ``share`` is the part of that time that was under alarm. ``first_witnesses`` has the first witness of each
    alarm.
    """

    raised: int
    allowed: float
    share: float
    weeks: float
    first_witnesses: tuple[Witness, ...] = ()

    @property
    def alarmed_too_long(self) -> bool:
        """Whether alarms stand for more than 20 % of the time; then their number says nothing."""
        return self.share > _MAX_SHARE_UNDER_ALARM

    @property
    def within_budget(self) -> bool:
        """Whether a model that keeps the budget may raise as many alarms by chance."""
        return self.raised <= alarm_limit(self.allowed) and not self.alarmed_too_long


def decide(checks: Sequence[GateCheck], notes: Sequence[str], *, looks_normal: bool) -> GateDecision:
    """Promote the challenger if no check fails; a check that decides nothing cannot fail."""
    return GateDecision(
        promote=all(check.holds is not False for check in checks),
        checks=tuple(checks),
        notes=tuple(notes),
        looks_normal=looks_normal,
    )


def decide_without_test(*, has_champion: bool) -> GateDecision:
    """Decide where there are too few rows to hold some out: promote only if the stream has no champion."""
    why = "too few rows to hold some out: the model's alarms and its detection were not tested"
    return GateDecision(promote=not has_champion, notes=(why,))


def budget_checks(champion: AlarmCount | None, challenger: AlarmCount) -> list[GateCheck]:
    """Compare the alarms on held-out normal rows with the most that the budget gives by chance.

    If the champion itself exceeds that limit, the challenger need only be no worse: keeping a champion that
    is always in alarm protects nobody.
    """
    return [_count_check(champion, challenger), _share_check(champion, challenger)]


def _count_check(champion: AlarmCount | None, challenger: AlarmCount) -> GateCheck:
    limit = alarm_limit(challenger.allowed)
    wanted = f"at most {limit} (the budget gives {challenger.allowed:.2g})"
    holds: bool | None = challenger.raised <= limit
    if not holds and champion and champion.alarmed_too_long:
        wanted, holds = (
            f"{wanted}, not decisive: the champion is under alarm for {champion.share:.0%} of the time",
            None,
        )
    elif not holds and champion and champion.raised > limit:
        wanted, holds = f"{wanted}, or no more than the champion", challenger.raised <= champion.raised
    return GateCheck(
        what=f"alarms in {challenger.weeks * 7:.3g} asset days of held-out normal data",
        champion=champion.raised if champion else None,
        challenger=challenger.raised,
        wanted=wanted,
        holds=holds,
    )


def _share_check(champion: AlarmCount | None, challenger: AlarmCount) -> GateCheck:
    wanted, holds = f"at most {_MAX_SHARE_UNDER_ALARM:g}", not challenger.alarmed_too_long
    if not holds and champion and champion.alarmed_too_long:
        wanted, holds = f"{wanted}, or no more than the champion", challenger.share <= champion.share
    return GateCheck(
        what="share of that time under alarm",
        champion=champion.share if champion else None,
        challenger=challenger.share,
        wanted=wanted,
        holds=holds,
    )


def training_rows_check(champion_rows: int, rows: int) -> GateCheck:
    """Compare the rows learnt from: a model of far fewer rows may do well here, but not on other days."""
    return GateCheck(
        what="rows learnt from",
        champion=champion_rows,
        challenger=rows,
        wanted=f"at least {_MIN_SHARE_OF_CHAMPION_ROWS:g} of the champion's",
        holds=rows >= _MIN_SHARE_OF_CHAMPION_ROWS * champion_rows,
    )


def alarm_limit(expected: float) -> int:
    """The largest count that a Poisson distribution of mean ``expected`` reaches with a probability of 5 %.

    One alarm is always allowed: however short the time, it may be a fault that nobody has labelled. The mean
    is capped at 100,000, so that an unlimited budget does not make the loop endless.
    """
    expected = min(expected, _MOST_EXPECTED)
    limit = max(int(expected), 1)
    while 1 - at_most(limit, expected) >= _RARE:
        limit += 1
    return limit


def detection_checks(kinds: Sequence[str], champion: Array | None, challenger: Array) -> list[GateCheck]:
    """Compare how clearly faults stand out: all kinds together, which decides, and each kind.

    :param kinds: the kind of each fault.
    :param champion: ``[faults]``, the rank of each fault among normal sites; None without a champion.
    :param challenger: ``[faults]``, the same of the challenger, paired by fault.
    """
    checks = [_detection("faults found (AUC), all kinds", champion, challenger)]
    for kind in dict.fromkeys(kinds):
        own = np.array([name == kind for name in kinds])
        champion_mean = None if champion is None else float(champion[own].mean())
        checks.append(GateCheck(what=kind, champion=champion_mean, challenger=float(challenger[own].mean())))
    return checks


def chance_warnings(kinds: Sequence[str], challenger: Array) -> list[str]:
    """The kinds of faults ``[faults]`` that may stand out no better than by chance."""
    warnings = []
    for kind in dict.fromkeys(kinds):
        ranks = challenger[np.array([name == kind for name in kinds])]
        if bootstrap_interval(ranks)[0] <= _CHANCE:
            warnings.append(
                f"{kind}: the score finds this fault no better than by chance (AUC {ranks.mean():.2f})"
            )
    return warnings


def _detection(what: str, champion: Array | None, challenger: Array) -> GateCheck:
    mean = float(challenger.mean())
    if champion is None:
        return GateCheck(what=what, champion=None, challenger=mean)
    low, high = bootstrap_interval(challenger - champion)
    return GateCheck(
        what=what,
        champion=float(champion.mean()),
        challenger=mean,
        wanted=f"at most {MARGIN:g} less (95 % interval of the difference: {low:+.3f} to {high:+.3f})",
        holds=float((challenger - champion).mean()) >= -MARGIN,
    )


def bootstrap_interval(differences: Array) -> tuple[float, float]:
    """A 95 % percentile bootstrap interval for the mean of paired differences ``[n]``, with a fixed seed."""
    rng = np.random.default_rng(0)
    drawn = rng.choice(differences, (_RESAMPLES, len(differences))).mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def as_metrics(decision: GateDecision) -> dict[str, Any]:
    """The decision, ``gate``, and the ``detection_limits`` as JSON values, for a model's metrics."""
    checks = [{name: getattr(check, name) for name in check.__slots__} for check in decision.checks]
    forward, limits = decision.score_forward, decision.limits
    gate = {
        "promote": decision.promote,
        "reason": decision.reason,
        "checks": checks,
        "notes": [*decision.notes],
        "score_forward": None if forward is None else msgspec.to_builtins(forward),
        "alarms_by_witness": Counter(witness.value for witness in decision.first_witnesses),
        "warnings": [*decision.warnings],
    }
    return {"gate": gate, **({} if limits is None else {"detection_limits": limits.as_metrics()})}
