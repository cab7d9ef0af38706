"""Part ``training_read``: values a second from ``reading`` to the aligned array that training takes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from statistics import median
from typing import Any

import numpy as np

from tests.studies.benchmark.bench import Bench
from tests.studies.benchmark.cores import alone
from tests.studies.benchmark.load_generator import SENSORS, START_US, definition
from tests.studies.simulated_readings import SECOND_US, readings
from tfstream.app.training import training_data
from tfstream.app.training.training_options import TrainingOptions
from tfstream.storage import readings as stored
from tfstream.storage import streams
from tfstream.storage.database import Database

_ASSETS, _ROWS, _ROUNDS = 5, 20_000, 5
_LEAST = 8e6


def measure(bench: Bench) -> dict[str, Any]:
    """Some assets with a long history each."""
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
    """The same read several times."""
    database, seconds = Database(url), []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        with database.begin() as connection:
            stream = streams.get(connection, topic)
            found = training_data.read(connection, stream, TrainingOptions(), lambda *_: None)
        seconds.append(time.perf_counter() - began)
        if sum(one.values.size for one in found.series) != cells:
            raise AssertionError(f"{cells} values were stored, and others were read")
    return {"values": cells, "seconds": seconds}


def section(found: Mapping[str, Any]) -> str:
    """The rate beside its target."""
    rate = found["values"] / median(found["seconds"])
    reached = "met" if rate >= _LEAST else "**missed**"
    return (
        "## Training read\n\n"
        f"{found['values'] / 1e6:.1f} million values of {_ASSETS} assets from PostgreSQL to arrays on the "
        f"grid: {rate / 1e6:.1f} million a second (median of {len(found['seconds'])}). "
        f"At least {_LEAST / 1e6:.0f} million: {reached}.\n"
    )
