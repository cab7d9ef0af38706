"""Leaves out of a refit the spans that stand out from what is usual, so that no model learns a missed fault.

A refit compares its rows with the champion's witnesses, and with those of a first fit to the rows themselves.
What it leaves out is told with the model. The rule for a span is :mod:`tfstream.core.learning.standing_out`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfstream.core.learning.exclude import ExcludedCells, exclude
from tfstream.core.learning.normal_rows import ExcludedSpan, ExclusionCause
from tfstream.core.learning.standing_out import (
    MOST_OF_AN_ASSET,
    STANDS_OUT_PER_WEEK,
    StandingRun,
    standing_runs,
)
from tfstream.core.messages.anomaly_event import iso
from tfstream.core.reading import Series
from tfstream.core.spans import Span, covered_rows, merge_spans
from tfstream.core.stream import StreamDefinition

if TYPE_CHECKING:  # torch takes two seconds to import: most commands do without
    from tfstream.model.fitting.usual_rates import UsualRates, UsualWitnesses
    from tfstream.model.scoring.detector import Detector

_MOST_SENSORS = 3
_MOST_TOLD = 10
_MOST_FITS = 3  # to the rows themselves: a large fault may hide smaller ones from the first fit
_CHAMPION = "the champion"
_OTHER_ROWS = "the other rows of the span"


class StandingSpan(NamedTuple):
    """A span of an asset that a refit has not learnt, because it stands out from ``compared_with``.

    ``expected_per_week`` is how often in a week normal rows reach such a value; ``sensors`` are those that
    depart most.
    """

    asset: str
    span: Span
    sensors: tuple[str, ...]
    expected_per_week: float
    compared_with: str

    def as_metrics(self) -> dict[str, object]:
        """The span for the metrics of a model."""
        return {
            "asset": self.asset,
            "from": iso(self.span.start_us),
            "to": iso(self.span.end_us),
            "sensors": list(self.sensors),
            "expected_per_week": float(f"{self.expected_per_week:.2g}"),
            "compared_with": self.compared_with,
        }

    @property
    def note(self) -> str:
        """A line for the operator."""
        sensors = f" ({', '.join(self.sensors)})" if self.sensors else ""
        return (
            f"{self.asset}: not learnt: {iso(self.span.start_us)} to {iso(self.span.end_us)} stands out from "
            f"{self.compared_with}{sensors}; normal rows reach this {self.expected_per_week:.2g} times a week"
        )


@dataclass(kw_only=True)
class NormalSelection:
    """``series`` without the ``spans`` that stand out; ``cells`` of readings were left out with them."""

    series: list[Series]
    spans: list[StandingSpan] = field(default_factory=list)
    cells: int = 0
    unknown: list[str] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """Lines for the operator: the spans, and assets that were not compared."""
        lines = [span.note for span in self.spans[:_MOST_TOLD]]
        if len(self.spans) > _MOST_TOLD:
            lines.append(f"{len(self.spans) - _MOST_TOLD} more spans were not learnt: see `stood_out`")
        return lines + [
            f"{asset}: more than {MOST_OF_AN_ASSET:.0%} of its rows stand out; they were learnt all the same"
            for asset in dict.fromkeys(self.unknown)
        ]


@dataclass(frozen=True, kw_only=True)
class NormalSelector:
    """Takes the spans that stand out from a stream's normal pieces.

    ``judged`` are the spans of each asset in which somebody has said that there was no fault: a refit learns
    them.
    """

    definition: StreamDefinition
    margin_rows: int
    judged: Mapping[str, Sequence[Span]] = field(default_factory=dict)

    def select(self, series: Sequence[Series], champion: Detector | None) -> NormalSelection:
        """Compare with the champion, if there is one, and with the series themselves."""
        from tfstream.model.fitting.usual_rates import UsualWitnesses

        selection = NormalSelection(series=list(series))
        if not any(np.isfinite(piece.values).any() for piece in series):
            return selection  # the fit says that there is too little to learn from
        if champion is not None:
            self._compare(selection, UsualWitnesses.of(champion), _CHAMPION)
        definition = self.definition
        for _ in range(_MOST_FITS):
            left_out = selection.cells
            usual = UsualWitnesses.fitted_to(
                selection.series, definition.interval_us, definition.time_zone or "UTC"
            )
            self._compare(selection, usual, _OTHER_ROWS)
            if selection.cells == left_out:
                break
        selection.spans = self._joined(selection.spans)
        return selection

    def _joined(self, spans: Sequence[StandingSpan]) -> list[StandingSpan]:
        """One span where the margins of two touch: a later fit finds what is left of a fault."""
        joined: list[StandingSpan] = []
        for each in sorted(spans, key=lambda each: (each.asset, each.span)):
            last = joined[-1] if joined else None
            if last is None or last.asset != each.asset or not self._touch(last.span, each.span):
                joined.append(each)
                continue
            rarest = min(last, each, key=lambda some: some.expected_per_week)
            end_us = max(last.span.end_us, each.span.end_us)
            joined[-1] = rarest._replace(span=Span(last.span.start_us, end_us))
        return joined

    def _touch(self, first: Span, second: Span) -> bool:
        return self._widened(first).overlaps(self._widened(second))

    def _compare(self, selection: NormalSelection, usual: UsualWitnesses, compared_with: str) -> None:
        """Take out what stands out from the usual witnesses, asset by asset."""
        assets = dict.fromkeys(piece.asset for piece in selection.series)
        kept: list[Series] = []
        for asset in assets:
            pieces = [piece for piece in selection.series if piece.asset == asset]
            standing = [
                standing for piece in pieces for standing in self._standing(piece, usual, compared_with)
            ]
            spans = merge_spans(self._widened(each.span) for each in standing)
            rows = sum(len(piece.times_us) for piece in pieces)
            if (
                sum(int(covered_rows(spans, piece.times_us).sum()) for piece in pieces)
                > MOST_OF_AN_ASSET * rows
            ):
                selection.unknown.append(asset)
                standing, spans = [], []
            selection.spans += standing
            kept += self._without(pieces, spans, selection)
        selection.series = kept

    def _standing(self, piece: Series, usual: UsualWitnesses, compared_with: str) -> Iterator[StandingSpan]:
        rates = usual.rates(piece, STANDS_OUT_PER_WEEK)
        budget = self.definition.budget_of(piece.asset)
        for run in standing_runs(rates.expected_per_week, piece.times_us, self.margin_rows, budget):
            span = Span(
                int(piece.times_us[run.first]),
                int(piece.times_us[run.stop - 1]) + self.definition.interval_us,
            )
            if not any(span.overlaps(judged) for judged in self.judged.get(piece.asset, ())):
                yield StandingSpan(
                    asset=piece.asset,
                    span=span,
                    sensors=self._sensors(piece, run, rates, usual),
                    expected_per_week=float(rates.expected_per_week[run.peak]),
                    compared_with=compared_with,
                )

    def _sensors(
        self, piece: Series, run: StandingRun, rates: UsualRates, usual: UsualWitnesses
    ) -> tuple[str, ...]:
        blamed = usual.blamed(piece, run.peak, int(rates.tail[run.peak]))
        return tuple(self.definition.sensors[sensor] for sensor in blamed[:_MOST_SENSORS])

    def _widened(self, span: Span) -> Span:
        margin_us = self.margin_rows * self.definition.interval_us
        return span.widened(margin_us, margin_us)

    def _without(
        self, pieces: Sequence[Series], spans: Sequence[Span], selection: NormalSelection
    ) -> Iterator[Series]:
        """The pieces without the spans; they are copied where they change."""
        every = np.ones(len(self.definition.sensors), dtype=np.bool_)
        cuts = [ExcludedSpan(ExclusionCause.STANDS_OUT, span, every) for span in spans]
        counted = ExcludedCells()
        for piece in pieces:
            if covered_rows(spans, piece.times_us).any():
                piece = piece._replace(values=piece.values.copy())
            yield from exclude(piece, cuts, counted)
        selection.cells += counted.by_cause[ExclusionCause.STANDS_OUT]
