"""All grids of a stream's witnesses, and the normal values of their statistics."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from tfstream.core.alarms.witness_tail import WitnessTail
from tfstream.model.witnesses.grid_model import GridModel
from tfstream.model.witnesses.season_model import SeasonModel


@dataclass(frozen=True, kw_only=True)
class WitnessModel:
    """``grids`` from the rows of the stream upwards, ``tails`` of all their statistics, refused ones too."""

    grids: tuple[GridModel, ...] = ()
    tails: tuple[WitnessTail, ...] = ()

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
            }
            for tail in self.tails
        ]

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
