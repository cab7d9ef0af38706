"""The streams of the part ``limits``: normal rows to learn from, and normal rows after them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.studies.quality.alarms.demo_plant_cases import normal_plant
from tests.studies.quality.alarms.labelled_tables import part_of, read_series
from tests.studies.quality.alarms.tep_cases import tep
from tfstream.core.reading import Series
from tfstream.core.stream import StreamDefinition

_DEMO_DAYS, _LATER_DAYS = 4, 4


class LimitStream(NamedTuple):
    """Normal rows ``learn`` of a stream, and normal rows that are ``later``."""

    name: str
    definition: StreamDefinition
    learn: list[Series]
    later: list[Series]


def streams(data: Path | None) -> Iterator[Callable[[], LimitStream]]:
    """The Tennessee Eastman process where there is its data, and the demo's plant."""
    if data is not None and (data / "tep").is_dir():
        folder = data / "tep"
        yield lambda: _tennessee_eastman(folder)
    yield _demo_plant


def _tennessee_eastman(folder: Path) -> LimitStream:
    case = tep(folder.parent, months=0, runs=0)
    later = read_series(folder / "normal_a.parquet", case.learn[0].asset, case.definition.interval_us)
    return LimitStream("Tennessee Eastman", case.definition, case.learn, [later])


def _demo_plant() -> LimitStream:
    plant = normal_plant(0, interval_s=60, learn_days=_DEMO_DAYS, scored_days=_LATER_DAYS)
    return LimitStream(
        "demo plant, 60 s",
        plant.definition,
        [part_of(part, 0, plant.learnt) for part in plant.series],
        [part_of(part, plant.learnt, len(part.values)) for part in plant.series],
    )
