"""A fit that is judged on rows it has not seen, and then made again from all of them.

The gate answers whether this stream's data, fitted as always, give a model that may take over. What takes
over is the same fit of all rows: what is new since yesterday is learnt tonight. Rows that look strange to the
judged model are not learnt from tonight; then it takes over itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from tfstream.app.training.training_options import TrainingOptions
from tfstream.core.learning.held_out import HeldOut, hold_out
from tfstream.core.learning.promotion_rule import GateDecision
from tfstream.core.reading import Series
from tfstream.core.stream import StreamDefinition
from tfstream.storage.models import ModelRow

if TYPE_CHECKING:  # torch takes two seconds to import: most commands do without
    from tfstream.app.training.gate import ComparableChampion
    from tfstream.model.scoring.detector import Detector

_AGAIN = "then fitted again to all rows, these too"
_STRANGE = "not fitted again to these rows: they look strange to it"
_WORSE = "as it was judged: fitted again to all rows it did worse on these"

Report = Callable[[str, float], None]


class Fitted(NamedTuple):
    """A model, the ``series`` it has learnt from, and what the gate says; None where it was not asked."""

    detector: Detector
    series: Sequence[Series]
    verdict: GateDecision | None = None

    @property
    def rows(self) -> int:
        return sum(len(one.times_us) for one in self.series)


class Refit:
    """A fit of one stream, by one seed and one configuration."""

    def __init__(self, definition: StreamDefinition, options: TrainingOptions, report: Report) -> None:
        self._definition, self._report = definition, report
        self._config, self._seed = options.config, options.seed

    def unjudged(self, series: Sequence[Series]) -> Fitted:
        """Of all rows.

        :raises BadData: when there is too little to learn from.
        """
        return Fitted(self._fit(series, self._report), series)

    def judged(self, series: Sequence[Series], champion: ModelRow | None) -> Fitted:
        """Of all but the newest rows, on which it is judged; once more of all, if it passes.

        :raises BadData: when there is too little to learn from.
        """
        from tfstream.app.training import gate

        incumbent = gate.comparable_champion(champion, self._definition, self._config)
        held = hold_out(series, self._definition.interval_us)
        if held is None:
            return self.unjudged(series)._replace(verdict=gate.unjudged(incumbent))
        return self._passed(series, held, incumbent)

    def _passed(self, series: Sequence[Series], held: HeldOut, champion: ComparableChampion) -> Fitted:
        from tfstream.app.training.gate import Gate

        detector = self._fit(held.learn, self._report)
        self._report("judge", 0.0)
        gate = Gate(self._definition, held, champion, self._config, self._seed)
        verdict, performance = gate.judge(detector)
        self._report("judge", 1.0)
        judged = Fitted(detector, held.learn, verdict)
        if not verdict.promote:
            return judged
        if not verdict.usual:
            return judged._replace(verdict=_noted(verdict, _STRANGE))
        again = self._fit(series, lambda stage, done: self._report(f"all rows: {stage}", done))
        if not gate.holds_up(performance, again):
            return judged._replace(verdict=_noted(verdict, _WORSE))
        return Fitted(again, series, _noted(verdict, _AGAIN))

    def _fit(self, series: Sequence[Series], report: Report) -> Detector:
        from tfstream.model.fitting.fit import fit

        definition = self._definition
        return fit(series, definition.sensors, definition.interval_us, self._config, self._seed, report)


def _noted(verdict: GateDecision, note: str) -> GateDecision:
    return replace(verdict, notes=(*verdict.notes, note))
