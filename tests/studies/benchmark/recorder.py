"""Part ``recorder``: rows a second into PostgreSQL, compared with bare COPY, and fetch and decode alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
import psycopg

from tests.studies.benchmark.bench import Bench
from tests.studies.benchmark.cores import alone
from tests.studies.benchmark.load_generator import SENSORS, START_US, BenchmarkPlant, definition
from tests.studies.benchmark.row_timer import RowTimer, per_second
from tests.studies.benchmark.topic_runs import fetch_and_decode
from tests.studies.benchmark.topic_setup import create_topic, fill_topic
from tests.studies.markdown import figure, met, table
from tests.studies.simulated_readings import SECOND_US, readings
from tfstream.app.ingest.recorder import Recorder, max_transaction_messages
from tfstream.storage import readings as stored
from tfstream.storage import streams
from tfstream.storage.binary_copy import encode_readings
from tfstream.storage.database import Database

_ASSETS, _ROWS, _ROUNDS = 50, 1_000, 5
_BATCH = max_transaction_messages(SENSORS)
_MIN_RATIO = 0.6
_COPY = "COPY reading (stream_id, asset, ts, values) FROM STDIN (FORMAT binary)"


def measure(bench: Bench) -> dict[str, Any]:
    """Rounds of bare COPY, fetch and decode alone, and the recorder, one after the other."""
    topic, rows = bench.topic("recorder"), bench.settings.amount(_ROWS, least=400)
    create_topic(bench.bootstrap, topic, 1)
    sent = fill_topic(bench.bootstrap, topic, BenchmarkPlant(_ASSETS).messages(0, rows))
    rounds = []
    for number in range(bench.settings.amount(_ROUNDS, least=2)):
        into = {"url": bench.database_url, "name": f"{topic}.{number}", "rows": sent}
        timings = {
            "copy": alone(copy, **into),
            "decode": alone(fetch_and_decode, bootstrap=bench.bootstrap, topic=topic, rows=sent, warm=_BATCH),
            "record": alone(record, bootstrap=bench.bootstrap, topic=topic, **into),
        }
        rounds.append(timings)
        rates = ", ".join(f"{name} {per_second(timing):,.0f}" for name, timing in timings.items())
        bench.log(f"recorder: round {number + 1}: rows/s: {rates}")
    return {"sensors": SENSORS, "rows": sent, "rounds": rounds}


def copy(url: str, name: str, rows: int) -> dict[str, Any]:
    """COPY encoded rows into the same table, with as many rows in a transaction as the recorder."""
    stream = _stream(url, f"{name}.copy")
    batches = [_encoded(stream, at, min(_BATCH, rows - at)) for at in range(0, rows, _BATCH)]
    timer = RowTimer(0)
    with psycopg.connect(url) as connection:
        timer.record(0)
        for batch in batches:
            with connection.cursor() as cursor, cursor.copy(_COPY) as operation:
                operation.write(batch)
            connection.commit()
    return timer.result(rows)


def _stream(url: str, name: str) -> int:
    """Add a stream and its table partition before the timing starts."""
    database = Database(url)
    with database.begin() as connection:
        stream = streams.add(connection, definition(name))
        stored.ensure_partitions(connection, np.array([START_US]))
    database.close()
    return stream.id


def _encoded(stream: int, at: int, rows: int) -> bytes:
    assets = [f"asset-{number % _ASSETS:05}" for number in range(at, at + rows)]
    times = START_US + (np.arange(at, at + rows) // _ASSETS) * SECOND_US
    return encode_readings(stream, assets, times, readings(rows, SENSORS))


def record(bootstrap: str, topic: str, url: str, name: str, rows: int) -> dict[str, Any]:
    """The recorder from the topic's beginning to its end, timed from its second batch on."""
    database = Database(url)
    with database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM progress")
        connection.exec_driver_sql(
            "DELETE FROM reading USING stream s WHERE s.id = stream_id AND s.topic = %s", (topic,)
        )
        known = streams.find(connection, topic)
        stream = known or streams.add(connection, definition(topic))
        stored.ensure_partitions(connection, np.array([START_US]))
    recorder = Recorder({"bootstrap.servers": bootstrap}, database, stream)
    timer = RowTimer(1)

    def record_progress() -> bool:
        timer.record(recorder.processed)
        return False

    recorder.run(record_progress, until_end=True)
    if recorder.processed != rows or recorder.unreadable:
        raise AssertionError(
            f"{recorder.processed} of {rows} rows recorded, {recorder.unreadable} unreadable"
        )
    return timer.result(rows)


def section(figures: Mapping[str, Any]) -> str:
    """Rates, their ratios, and the CPU time of a row."""
    rounds = figures["rounds"]
    lines = [_line(label, name, rounds) for name, label in _LABELS.items() if name in rounds[0]]
    ratios = _ratios("record", rounds)
    reached = met(median(ratios) >= _MIN_RATIO)
    verdict = f"At least {figure(_MIN_RATIO, 2)}: {figure(median(ratios), 2)}, {reached}.\n"
    rates = table(["process", "rows/s", "ratio", "ratio of each round", "CPU µs a row"], lines)
    return f"## Recorder\n\n{_INTRO.format(**figures)}\n{rates}\n{verdict}"


def _ratios(name: str, rounds: Sequence[Mapping[str, Any]]) -> list[float]:
    """The ratio to bare COPY in each round."""
    return [per_second(timings[name]) / per_second(timings["copy"]) for timings in rounds]


def _line(label: str, name: str, rounds: Sequence[Mapping[str, Any]]) -> list[str]:
    ratios = _ratios(name, rounds)
    cpu_us = median(1e6 / per_second(timings[name], "cpu_seconds") for timings in rounds)
    return [
        label,
        f"{median(per_second(timings[name]) for timings in rounds):,.0f}",
        figure(median(ratios), 2),
        " ".join(figure(ratio, 2) for ratio in ratios),
        figure(cpu_us, 1),
    ]


_LABELS = {"copy": "bare COPY", "decode": "fetch and decode alone", "record": "`tfstream record`"}
_INTRO = """{rows:,} rows of {sensors} sensors. *Bare COPY* sends encoded rows over one connection into the
same partitioned table with its key, with as many rows in a transaction as the recorder. The recorder also
fetches, decodes, merges and encodes the rows and stores its offsets. *Fetch and decode alone* uses tfstream's
consumer and codec, reading by reading, and discards the readings; the recorder handles readings as packed
bytes. Each process has one core, the services have another; CPU time is that of the measured process alone.
"""
