"""Part ``training_read``: values a second from the table ``reading`` to the aligned arrays for training."""

from __future__ import annotations

import time
from collections.abc import Mapping
from statistics import median
from typing import Any

import numpy as np

from tests.studies.benchmark.bench import Bench
from tests.studies.benchmark.cores import alone
from tests.studies.benchmark.load_generator import SENSORS, START_US, definition
from tests.studies.markdown import met
from tests.studies.simulated_readings import SECOND_US, readings
from tfstream.app.training import training_data
from tfstream.app.training.training_options import TrainingOptions
from tfstream.storage import readings as stored
from tfstream.storage import streams
from tfstream.storage.database import Database

_ASSETS, _ROWS, _ROUNDS = 5, 20_000, 5
_MIN_RATE = 8e6


def measure(bench: Bench) -> dict[str, Any]:
    """Read the long history of some assets."""
    rows = bench.settings.amount(_ROWS)
    bench.log(f"training read: {_ASSETS * rows:,} rows of {SENSORS} sensors")
    topic = bench.topic("training")
    database = Database(bench.database_url)
    values, times = readings(rows, SENSORS), START_US + np.arange(rows) * SECOND_US
    with database.begin() as connection:
        stream = streams.add(connection, definition(topic))
        for number in range(_ASSETS):
            stored.write(connection, stream.id, [f"asset-{number}"] * rows, times, values)
    database.close()
    return dict(alone(work, url=bench.database_url, topic=topic, cells=_ASSETS * rows * SENSORS))


def work(url: str, topic: str, cells: int) -> dict[str, Any]:
    """Time the same read several times."""
    database, seconds = Database(url), []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        with database.begin() as connection:
            stream = streams.get(connection, topic)
            data = training_data.read(connection, stream, TrainingOptions(), lambda *_: None)
        seconds.append(time.perf_counter() - began)
        if sum(series.values.size for series in data.series) != cells:
            raise AssertionError(f"the read did not return the {cells} stored values")
    return {"values": cells, "seconds": seconds}


def section(figures: Mapping[str, Any]) -> str:
    """The rate with its target."""
    rate = figures["values"] / median(figures["seconds"])
    reached = met(rate >= _MIN_RATE)
    return (
        "## Training read\n\n"
        f"{figures['values'] / 1e6:.1f} million values of {_ASSETS} assets from PostgreSQL to arrays on the "
        f"grid: {rate / 1e6:.1f} million a second (median of {len(figures['seconds'])}). "
        f"Target: at least {_MIN_RATE / 1e6:.0f} million a second: {reached}.\n"
    )
