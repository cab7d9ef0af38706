"""The pyramid of time grids: the rows of a stream, and the means of 8, of 64 and of 512 rows.

A window of 64 rows is an hour at one row a minute and a minute at one row a second, but the faults of a plant
last as long as they last. Therefore the witnesses look at the same readings on several grids: each grid has
the means of 8 rows of the grid below it. All grids together cost a seventh more than the first.
"""

from __future__ import annotations

from typing import NamedTuple

from tfstream.core.messages.witness import Witness

FACTOR = 8  # rows of a grid that make a row of the next grid
GRID_ROWS = (1, 8, 64, 512)  # rows of the stream in a row of each grid
ERROR_RATE = 0.2  # of the exponential mean of errors: about nine rows of the grid
SPANS = (4, 16)  # rows of the grid that a level is an exponential mean of
LEVEL_RATES = tuple(2 / (span + 1) for span in SPANS)
_FIRST_ORDER, _ORDER = 8, 4  # rows that a predictor looks back; the state of every asset holds them
_WARM_UP = 4  # rows beyond its memory before a statistic counts


class Statistic(NamedTuple):
    """A statistic that a grid computes for each of its rows.

    ``memory`` is the number of rows of the grid that it looks at, about; ``largest`` is true where it is the
    largest departure of a sensor, false where it is the squared distance of all sensors together.
    """

    name: str
    witness: Witness
    memory: int
    largest: bool


STATISTICS = (  # of every grid; then those of the season, on the grid that has a season
    Statistic("errors", Witness.ERRORS, 5, largest=False),
    Statistic("mean errors", Witness.ERRORS, 9, largest=False),
    *(Statistic(f"levels over {span} rows", Witness.LEVELS, span, largest=True) for span in SPANS),
    Statistic("departures from the season", Witness.SEASON, SPANS[-1], largest=True),
    Statistic("departures against the other sensors", Witness.SEASON, SPANS[-1], largest=True),
)
FIRST_LEVELS = 2  # the number of the statistic of the first span
COMPARED = FIRST_LEVELS + len(SPANS)  # statistics that every grid compares
SEASON_DEPARTURE, SEASON_AGREEMENT = COMPARED, COMPARED + 1


def order_of(grid_rows: int) -> int:
    """How many rows of the grid its predictor looks back."""
    return _FIRST_ORDER if grid_rows == 1 else _ORDER


def warm_up_rows(statistic: Statistic, grid_rows: int) -> int:
    """The rows of the grid that an asset must have had before the statistic counts."""
    looked_back = order_of(grid_rows) if statistic.witness is Witness.ERRORS else statistic.memory
    return looked_back + _WARM_UP
