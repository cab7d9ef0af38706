"""The season of a stream: what is usual at each time of the week, and how sensors agree beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tfstream.core.reading import Values
from tfstream.model.witnesses.comparison import RowComparison, SensorDeparture
from tfstream.model.witnesses.pyramid import GRID_ROWS, SEASON_AGREEMENT, SPANS
from tfstream.model.witnesses.season_clock import Integers, local_times
from tfstream.model.witnesses.season_profile import SeasonProfile

_MOST_SENSORS = 5

Array = NDArray[np.float64]


class SeasonPlace(msgspec.Struct, frozen=True, kw_only=True):
    """The levels that have a season: on the grid ``level`` of the pyramid, over ``SPANS[span]`` of its rows.

    Row ``n`` has the time ``origin_us + n * interval_us``, in UTC; ``time_zone`` says which clocks the plant
    follows.
    """

    level: int
    span: int
    interval_us: int
    time_zone: str
    origin_us: int = 0

    @property
    def rows(self) -> int:
        """The rows of the stream that a level is a mean of, about."""
        return GRID_ROWS[self.level] * SPANS[self.span]

    def local_times(self, ends: Integers) -> Integers:
        """What the clocks show at rows ``ends [n]`` of the stream."""
        return local_times(self.origin_us + ends * self.interval_us, self.time_zone)


@dataclass(frozen=True, kw_only=True)
class SeasonModel:
    """``usual [sensors]`` is the departure from the profile that one in 100 later rows exceeds, in spreads.

    ``comparison`` compares the departures of all sensors with each other.
    """

    place: SeasonPlace
    profile: SeasonProfile
    usual: Tensor
    comparison: RowComparison

    def with_origin(self, origin_us: int) -> SeasonModel:
        """The same season for rows that are counted from a time."""
        return replace(self, place=msgspec.structs.replace(self.place, origin_us=origin_us))

    def departures(self, rows: Integers, ends: Integers, levels: Values) -> Values:
        """How far ``levels [n, sensors]`` lie from the profile, in spreads; NaN where it knows nothing.

        :param rows: ``[n]`` rows of the profile: those of the levels' assets.
        :param ends: ``[n]`` rows of the stream.
        """
        return self.profile.departures(rows, self.place.local_times(ends), levels)

    def statistics(self, departures: Values) -> Array:
        """The season's statistics ``[n, 2]`` of departures ``[n, sensors]``; NaN where they are NaN.

        First the largest departure of a sensor, in what is usual for it; then how far a sensor lies from what
        the departures of all other sensors say about it.
        """
        known = np.nan_to_num(departures)
        largest = (np.abs(known) / self.usual.numpy()).max(axis=1)
        agreement = self.comparison.largest(self.comparison.departures(known))
        values = np.stack([largest, agreement], axis=1).astype(np.float64)
        values[np.isnan(departures).any(axis=1)] = np.nan
        if departures.shape[1] == 1:  # there is no other sensor to agree with
            values[:, 1] = np.nan
        return values

    def blame(self, number: int, departures: Values, asset: str, end: int) -> list[SensorDeparture]:
        """The sensors that explain a statistic of departures ``[sensors]`` at row ``end`` of the stream."""
        at = self.place.local_times(np.array([end], dtype=np.int64))
        spread = self.profile.at(self.profile.row_of(asset), at)[1][0]
        if number == SEASON_AGREEMENT:
            blamed = self.comparison.blame(departures)
        else:
            blamed = self._largest(departures)
        return [each._replace(excess=each.excess * float(spread[each.sensor])) for each in blamed]

    def _largest(self, departures: Values) -> list[SensorDeparture]:
        relative = np.abs(departures) / self.usual.numpy()
        first = np.argsort(-relative, kind="stable")[:_MOST_SENSORS].tolist()
        return [
            SensorDeparture(sensor, float(relative[sensor]), float(departures[sensor]))
            for rank, sensor in enumerate(first)
            if rank == 0 or relative[sensor] > 1
        ]
