"""The gate between a fit and its promotion: champion and challenger on the same rows and the same faults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tfstream.app.scoring import champion as champions
from tfstream.app.scoring.champion import Champion
from tfstream.app.training.performance import GatePerformance, measure
from tfstream.core.learning.held_out import HeldOut
from tfstream.core.learning.promotion_rule import (
    MARGIN,
    GateCheck,
    GateDecision,
    budget_checks,
    detection_checks,
    experience_check,
    most_alarms,
)
from tfstream.core.messages.anomaly_event import iso
from tfstream.core.stream import StreamDefinition
from tfstream.errors import TfstreamError
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting import gate_trials
from tfstream.model.fitting.gate_trials import Trial
from tfstream.model.scoring.detector import Detector
from tfstream.storage.datetimes import to_us
from tfstream.storage.models import ModelRow, require_intact

_UNTRIED = "too few held-out rows to put faults into: what it detects was not compared"


@dataclass(frozen=True, kw_only=True)
class ComparableChampion:
    """The stream's champion, if any: its ``model``, or why it cannot be compared."""

    row: ModelRow | None
    model: Champion | None
    incomparable: str | None = None


def comparable_champion(
    row: ModelRow | None, definition: StreamDefinition, config: DetectorConfig
) -> ComparableChampion:
    """The champion made ready to be compared; one of other sensors, windows or damaged bytes cannot be."""
    if row is None:
        return ComparableChampion(row=None, model=None)
    try:
        model = champions.load(require_intact(row), definition)
    except TfstreamError as error:
        return ComparableChampion(row=row, model=None, incomparable=str(error))
    theirs = model.detector.config
    if (theirs.window_rows, theirs.hop_rows) != (config.window_rows, config.hop_rows):
        return ComparableChampion(row=row, model=None, incomparable="its windows have another size")
    return ComparableChampion(row=row, model=model)


def unjudged(champion: ComparableChampion) -> GateDecision:
    """With too little data to hold any out, only a stream without a champion gets a model."""
    why = "too few rows to hold any out: nothing is known of its alarms, nor of what it detects"
    return GateDecision(promote=champion.row is None, notes=(why,))


class GateJudgement(NamedTuple):
    """What is to become of a model, and how it did."""

    verdict: GateDecision
    performance: GatePerformance


class Gate:
    """The held-out rows, the faults put into them, and how the champion does there: one for all models."""

    def __init__(
        self,
        definition: StreamDefinition,
        held: HeldOut,
        champion: ComparableChampion,
        config: DetectorConfig,
        seed: int,
    ) -> None:
        self._definition, self._held, self._champion = definition, held, champion
        self._tried = gate_trials.prepare(held, config, seed)
        self._theirs = self._perform(champion.model.detector) if champion.model else None

    def judge(self, challenger: Detector) -> GateJudgement:
        """The alarm budget must hold; and what the champion detects, it must detect about as well.

        It has not learnt from the held-out rows. A first model, and one whose champion cannot be compared, is
        judged by its alarms alone.
        """
        ours = self._perform(challenger)
        checks = [*_checks(self._tried, ours, self._theirs), *self._experience()]
        verdict = GateDecision(
            promote=all(check.holds is not False for check in checks),
            checks=tuple(checks),
            notes=tuple(_notes(self._held, self._champion, self._tried)),
            usual=ours.alarms.usual,
        )
        return GateJudgement(verdict, ours)

    def holds_up(self, judged: GatePerformance, again: Detector) -> bool:
        """Whether a model that has learnt from the held-out rows, too, does what the judged one does.

        It has an advantage there: this finds a fit that went wrong, and proves nothing else.
        """
        found = self._perform(again)
        quiet = found.alarms.raised <= most_alarms(max(judged.alarms.raised, judged.alarms.allowed, 1.0))
        as_found = not self._tried or found.found.mean() >= judged.found.mean() - MARGIN
        return quiet and not found.alarms.lasting and bool(as_found)

    def _perform(self, detector: Detector) -> GatePerformance:
        return measure(detector, self._definition, self._held.recent, self._tried)

    def _experience(self) -> list[GateCheck]:
        if self._champion.row is None or self._champion.model is None:
            return []
        return [experience_check(self._champion.row.rows, self._held.rows)]


def _checks(tried: Sequence[Trial], ours: GatePerformance, theirs: GatePerformance | None) -> list[GateCheck]:
    alarms = theirs.alarms if theirs else None
    checks = budget_checks(alarms, ours.alarms)
    if not tried:
        return checks
    kinds = [trial.kind for trial in tried]
    return [*checks, *detection_checks(kinds, theirs.found if theirs else None, ours.found)]


def _notes(held: HeldOut, champion: ComparableChampion, tried: Sequence[Trial]) -> list[str]:
    notes = [f"judged on {sum(one.rows for one in held.recent)} rows, the newest from {iso(held.from_us)} on"]
    if champion.row is None:
        notes.append("there is no champion to compare it with")
    elif champion.incomparable:
        notes.append(
            f"the champion, version {champion.row.version}, cannot be compared: {champion.incomparable}"
        )
    elif to_us(champion.row.trained_until) >= held.from_us:
        notes.append(f"the champion, version {champion.row.version}, has learnt from some of these rows")
    if not tried:
        notes.append(_UNTRIED)
    return notes
