"""All grids of a stream's witnesses, and the normal values of their statistics."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from tfstream.core.alarms.witness_tail import WitnessTail
from tfstream.core.messages.witness import Witness
from tfstream.model.witnesses.grid_model import GridModel
from tfstream.model.witnesses.season_model import SeasonModel


@dataclass(frozen=True, kw_only=True)
class WitnessModel:
    """``grids`` from the rows of the stream upwards, ``tails`` of all their statistics, refused ones too.

    ``own_refused`` says why no asset may have comparisons of its own; None where assets may.
    """

    grids: tuple[GridModel, ...] = ()
    tails: tuple[WitnessTail, ...] = ()
    own_refused: str | None = None

    def describe(self) -> list[dict[str, object]]:
        """Each statistic, and whether the stream admits it, for the metrics of a model."""
        return [
            {
                "witness": tail.witness.value,
                "name": tail.name,
                "rows": tail.scale_rows,
                "weeks": round(tail.tail.weeks, 3),
                "forward": None if tail.forward is None else msgspec.to_builtins(tail.forward),
                "refused": tail.refused,
                "own": self._describe_own(tail),
            }
            for tail in self.tails
        ]

    def _describe_own(self, tail: WitnessTail) -> dict[str, object] | None:
        """How many sensors and assets have own comparisons, or why none has."""
        if tail.witness is not Witness.LEVELS:
            return None
        own = self.grids[tail.level].own.get(tail.statistic)
        if own is not None:
            return {"sensors": len(own.sensors), "assets": len(own.assets)}
        return None if self.own_refused is None else {"refused": self.own_refused}

    @property
    def season(self) -> SeasonModel | None:
        """The season of the stream; None where it has none."""
        return next((grid.season for grid in self.grids if grid.season is not None), None)

    def with_origin(self, origin_us: int) -> WitnessModel:
        """The same witnesses for rows that are counted from a time; a stream counts from 1970."""
        grids = tuple(
            grid if grid.season is None else replace(grid, season=grid.season.with_origin(origin_us))
            for grid in self.grids
        )
        return replace(self, grids=grids)

    @property
    def admitted(self) -> tuple[WitnessTail, ...]:
        """The statistics that may raise an alarm."""
        return tuple(tail for tail in self.tails if tail.refused is None)
