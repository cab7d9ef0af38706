"""The promotion gate: champion and challenger on the same held-out rows and the same artificial faults.

This module runs the two models. The rule that compares their figures is
:mod:`tfstream.core.learning.promotion_rule`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from tfstream.app.detection.champion import Champion
from tfstream.app.detection.champion import load as load_champion
from tfstream.app.detection_limits.limit_search import LimitSearch
from tfstream.app.training.performance import GatePerformance, measure
from tfstream.core.learning.detection_limits import DetectionLimits
from tfstream.core.learning.held_out import HeldOut
from tfstream.core.learning.limit_checks import limit_checks, limit_warnings
from tfstream.core.learning.promotion_rule import (
    MARGIN,
    GateCheck,
    GateDecision,
    alarm_limit,
    budget_checks,
    chance_warnings,
    decide,
    detection_checks,
    training_rows_check,
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

_NO_TRIALS = "too few held-out rows to put faults into: detection was not compared"


@dataclass(frozen=True, kw_only=True)
class ComparableChampion:
    """The stream's champion: its ``row``, None if there is none, and its ``model`` or why it has none."""

    row: ModelRow | None
    model: Champion | None
    incomparable: str | None = None


def comparable_champion(
    row: ModelRow | None, definition: StreamDefinition, config: DetectorConfig
) -> ComparableChampion:
    """Load the champion; other sensors, other window sizes or damaged bytes make it incomparable."""
    if row is None:
        return ComparableChampion(row=None, model=None)
    try:
        model = load_champion(require_intact(row), definition)
    except TfstreamError as error:
        return ComparableChampion(row=row, model=None, incomparable=str(error))
    stored = model.detector.config
    if (stored.window_rows, stored.hop_rows) != (config.window_rows, config.hop_rows):
        return ComparableChampion(row=row, model=None, incomparable="its windows have another size")
    return ComparableChampion(row=row, model=model)


class GateEvaluation(NamedTuple):
    """What the gate decides about a model, and the performance behind the decision."""

    decision: GateDecision
    performance: GatePerformance


class Gate:
    """The held-out rows, the faults put into them, and the champion's performance there.

    The same for every model that it evaluates.
    """

    def __init__(
        self,
        definition: StreamDefinition,
        held: HeldOut,
        champion: ComparableChampion,
        config: DetectorConfig,
        seed: int,
    ) -> None:
        self._definition, self._held, self._champion = definition, held, champion
        self._trials = gate_trials.prepare(held, config, seed)
        self._search = LimitSearch(definition, held, seed)
        self._champion_performance = self._measure(champion.model.detector) if champion.model else None
        self._champion_limits = self._search.limits(champion.model.detector) if champion.model else None

    def evaluate(self, challenger: Detector) -> GateEvaluation:
        """Decide about a challenger that has not learnt from the held-out rows.

        Its alarms must stay within the budget, and it must detect the faults about as well as the champion,
        and faults about as small. A first model, and a model whose champion cannot be compared, need only
        meet the budget.
        """
        performance, limits = self._measure(challenger), self._search.limits(challenger)
        checks = [
            *self._performance_checks(performance),
            *self._training_rows_checks(),
            *self._limit_checks(limits),
        ]
        notes = _notes(self._held, self._champion, self._trials)
        decision = replace(
            decide(checks, notes, looks_normal=performance.alarms.within_budget),
            score_forward=performance.score_forward,
            first_witnesses=performance.alarms.first_witnesses,
            limits=limits,
            warnings=tuple(self._warnings(performance, limits)),
        )
        return GateEvaluation(decision, performance)

    def confirms(self, tested: GatePerformance, refitted: Detector) -> bool:
        """Whether a model refitted on all rows, the held-out ones too, performs like the tested model.

        The refitted model has an advantage on rows that it learnt from, so this only shows a fit that went
        wrong.
        """
        performance = self._measure(refitted)
        limit = alarm_limit(max(tested.alarms.raised, tested.alarms.allowed, 1.0))
        quiet = performance.alarms.raised <= limit and not performance.alarms.alarmed_too_long
        detects = not self._trials or performance.fault_ranks.mean() >= tested.fault_ranks.mean() - MARGIN
        return quiet and bool(detects)

    def _measure(self, detector: Detector) -> GatePerformance:
        return measure(detector, self._definition, self._held.pieces, self._trials)

    def _performance_checks(self, challenger: GatePerformance) -> list[GateCheck]:
        champion = self._champion_performance
        checks = budget_checks(champion.alarms if champion else None, challenger.alarms)
        if not self._trials:
            return checks
        kinds = [trial.kind for trial in self._trials]
        champion_ranks = champion.fault_ranks if champion else None
        return [*checks, *detection_checks(kinds, champion_ranks, challenger.fault_ranks)]

    def _limit_checks(self, challenger: DetectionLimits | None) -> list[GateCheck]:
        champion, performance = self._champion_limits, self._champion_performance
        if challenger is None or champion is None or performance is None:
            return []
        return limit_checks(champion, challenger, champion_keeps_budget=performance.alarms.within_budget)

    def _warnings(self, performance: GatePerformance, limits: DetectionLimits | None) -> list[str]:
        kinds = [trial.kind for trial in self._trials]
        by_kind = chance_warnings(kinds, performance.fault_ranks)
        return by_kind if limits is None else [*by_kind, *limit_warnings(limits)]

    def _training_rows_checks(self) -> list[GateCheck]:
        if self._champion.row is None or self._champion.model is None:
            return []
        return [training_rows_check(self._champion.row.rows, self._held.rows)]


def _notes(held: HeldOut, champion: ComparableChampion, trials: Sequence[Trial]) -> list[str]:
    rows = sum(piece.rows for piece in held.pieces)
    notes = [f"tested on {rows} held-out rows, the newest from {iso(held.from_us)} on"]
    if champion.row is None:
        notes.append("there is no champion to compare it with")
    elif champion.incomparable:
        notes.append(
            f"the champion, version {champion.row.version}, cannot be compared: {champion.incomparable}"
        )
    elif to_us(champion.row.trained_until) >= held.from_us:
        notes.append(f"the champion, version {champion.row.version}, has learnt from some of these rows")
    if not trials:
        notes.append(_NO_TRIALS)
    return notes
