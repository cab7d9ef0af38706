"""The fit of a refit: tested on rows that it has not learnt from, then repeated on all rows.

Before the fit, spans that stand out from what is usual are left out.

The gate answers whether the data of this stream, fitted as always, give a model that may become champion.
The model that is stored is the same fit on all rows, so that it has learnt the newest rows too. It does not
learn the held-out rows if the tested model finds them abnormal; then the tested model itself is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from tfstream.app.training.spans_standing_out import NormalSelection, NormalSelector
from tfstream.app.training.training_options import TrainingOptions
from tfstream.core.learning.held_out import HeldOut, hold_out
from tfstream.core.learning.promotion_rule import GateDecision, decide_without_test
from tfstream.core.reading import Series
from tfstream.core.spans import Span
from tfstream.core.stream import StreamDefinition
from tfstream.storage.models import ModelRow

if TYPE_CHECKING:  # torch takes two seconds to import: most commands do without
    from tfstream.app.training.gate import ComparableChampion
    from tfstream.model.scoring.detector import Detector

_REFITTED = "then refitted on all rows, the held-out rows included"
_ABNORMAL = "not refitted on the held-out rows: the model finds them abnormal"
_WORSE = "stored as tested: the refit on all rows did worse on the held-out rows"

Report = Callable[[str, float], None]


class Fitted(NamedTuple):
    """A model, the ``series`` that it learnt from, and the gate's decision; None without a test.

    ``selection`` says which spans it has not learnt because they stand out.
    """

    detector: Detector
    series: Sequence[Series]
    selection: NormalSelection
    decision: GateDecision | None = None

    @property
    def rows(self) -> int:
        return sum(len(piece.times_us) for piece in self.series)


class Refit:
    """A fit of one stream, by one seed and one configuration.

    ``judged`` are the spans of each asset in which somebody has said that there was no fault.
    """

    def __init__(
        self,
        definition: StreamDefinition,
        options: TrainingOptions,
        report: Report,
        judged: Mapping[str, Sequence[Span]] = MappingProxyType({}),
    ) -> None:
        self._definition, self._report = definition, report
        self._config, self._seed = options.config, options.seed
        self._selector = NormalSelector(
            definition=definition, margin_rows=options.config.window_rows, judged=judged
        )

    def fit_without_test(self, series: Sequence[Series]) -> Fitted:
        """Fit a model to all rows.

        :raises BadData: when there is too little to learn from.
        """
        return self._fit_all(self._select(series, None))

    def fit_and_test(self, series: Sequence[Series], champion: ModelRow | None) -> Fitted:
        """Fit a model to all but the newest rows, test it on those, and refit it on all rows if it passes.

        :raises BadData: when there is too little to learn from.
        """
        from tfstream.app.training import gate

        comparable = gate.comparable_champion(champion, self._definition, self._config)
        selection = self._select(series, comparable.model.detector if comparable.model else None)
        held = hold_out(selection.series, self._definition.interval_us)
        if held is None:
            return self._fit_all(selection)._replace(
                decision=decide_without_test(has_champion=comparable.row is not None)
            )
        return self._test(selection, held, comparable)

    def _select(self, series: Sequence[Series], champion: Detector | None) -> NormalSelection:
        self._report("select", 0.0)
        selection = self._selector.select(series, champion)
        self._report("select", 1.0)
        return selection

    def _fit_all(self, selection: NormalSelection) -> Fitted:
        return Fitted(self._fit(selection.series, self._report), selection.series, selection)

    def _test(self, selection: NormalSelection, held: HeldOut, champion: ComparableChampion) -> Fitted:
        from tfstream.app.training.gate import Gate

        detector = self._fit(held.learn, self._report)
        self._report("gate", 0.0)
        gate = Gate(self._definition, held, champion, self._config, self._seed)
        decision, performance = gate.evaluate(detector)
        self._report("gate", 1.0)
        tested = Fitted(detector, held.learn, selection, decision)
        if not decision.promote:
            return tested
        if not decision.looks_normal:
            return tested._replace(decision=_with_note(decision, _ABNORMAL))
        refitted = self._fit(selection.series, lambda stage, done: self._report(f"all rows: {stage}", done))
        if not gate.confirms(performance, refitted):
            return tested._replace(decision=_with_note(decision, _WORSE))
        return Fitted(refitted, selection.series, selection, _with_note(decision, _REFITTED))

    def _fit(self, series: Sequence[Series], report: Report) -> Detector:
        from tfstream.model.fitting.fit import fit

        definition = self._definition
        return fit(
            series,
            definition.sensors,
            definition.interval_us,
            self._config,
            self._seed,
            report,
            staleness_rows=definition.staleness_rows,
            time_zone=definition.time_zone or "UTC",
        )


def _with_note(decision: GateDecision, note: str) -> GateDecision:
    return replace(decision, notes=(*decision.notes, note))
