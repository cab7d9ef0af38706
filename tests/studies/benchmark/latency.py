"""Part ``latency``: from a record's arrival to what it brought to light, on the topic and in SQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np
import psycopg
from confluent_kafka import Consumer, Producer

from tests.studies.benchmark.bench import Bench
from tests.studies.benchmark.cores import MEASURED
from tests.studies.benchmark.load_generator import BenchmarkPlant, fill, make_topic
from tests.studies.benchmark.score_process import ScoringGroup, register, running_scorer
from tests.studies.markdown import table
from tests.studies.simulated_readings import SECOND_US
from tfstream.core.messages.anomaly_event import from_iso
from tfstream.storage.datetimes import to_datetime, to_us
from tfstream.streaming.topics import scores_topic

_ASSETS, _SECONDS, _HISTORY_ROWS, _LEAD_S = 200, 40, 72, 30
_WARMING_S = 16  # a broker of the run's own is new, and its first commits are slow
_COMMIT_MS = 50
_HOP = 8
_LIMITS = {"topic": 200.0, "sql": 500.0}  # ms
_POLL_S, _LAST_WAIT_S = 0.005, 15.0
_QUERY = """
SELECT asset, ts FROM score JOIN stream ON stream.id = stream_id
WHERE topic = %s AND asset = ANY(%s) AND ts BETWEEN %s AND %s
"""

Key = tuple[str, int]  # asset, end of the hop in microseconds


def measure(bench: Bench) -> dict[str, Any]:
    """An open loop at one row a second and asset, evenly spread, in real time."""
    topic, seconds = bench.topic("latency"), bench.settings.amount(_SECONDS, least=10)
    make_topic(bench.bootstrap, topic, 1)
    register(bench, topic)
    sent = fill(bench.bootstrap, topic, BenchmarkPlant(_ASSETS).messages(0, 1))
    with (
        running_scorer(bench, topic, MEASURED, "--commit-interval", f"{_COMMIT_MS}ms") as process,
        ScoringGroup(bench, topic, 1) as group,
    ):
        process.wait_for(lambda: group.committed() >= sent, "the scorer's start")
        bench.log(f"latency: {_ASSETS} rows a second for {seconds} s")
        start_us = (time.time_ns() // 1000 // SECOND_US + _LEAD_S) * SECOND_US
        plant = BenchmarkPlant(_ASSETS, start_us=start_us - _HISTORY_ROWS * SECOND_US)
        sent += fill(bench.bootstrap, topic, plant.messages(0, _HISTORY_ROWS))
        process.wait_for(lambda: group.committed() >= sent, "the windows of before real time")
        arrived, seen = _observe(bench, topic, plant, _WARMING_S + seconds)
    counted_us = start_us + _WARMING_S * SECOND_US
    counted = {key: sent for key, sent in arrived.items() if key[1] > counted_us}
    warming = {key: sent for key, sent in arrived.items() if key not in counted}
    return {
        "assets": _ASSETS,
        "seconds": seconds,
        "commit_ms": _COMMIT_MS,
        **_summaries(counted, seen),
        "warming": {"seconds": _WARMING_S, **_summaries(warming, seen)},
    }


def _observe(
    bench: Bench, topic: str, plant: BenchmarkPlant, seconds: int
) -> tuple[dict[Key, float], dict[str, dict[Key, float]]]:
    """When each hop's last record was sent, and when its score was first seen in either place."""
    arrived: dict[Key, float] = {}
    seen: dict[str, dict[Key, float]] = {"topic": {}, "sql": {}}
    over = threading.Event()
    watchers = [
        threading.Thread(target=_watch_topic, args=(bench.bootstrap, topic, seen["topic"], over.is_set)),
        threading.Thread(
            target=_watch_table, args=(bench.database_url, topic, arrived, seen["sql"], over.is_set)
        ),
    ]
    for watcher in watchers:
        watcher.start()
    _send(bench.bootstrap, topic, plant, seconds, arrived)
    deadline = time.monotonic() + _LAST_WAIT_S
    while any(arrived.keys() - found.keys() for found in seen.values()) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    over.set()
    for watcher in watchers:
        watcher.join()
    return arrived, seen


def _send(bootstrap: str, topic: str, plant: BenchmarkPlant, seconds: int, arrived: dict[Key, float]) -> None:
    """One record every so often, whatever became of those before; the plant's history ends where they begin.

    :raises AssertionError: when real time is there already: the scorer took all of it to read the history.
    """
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})
    start_us = plant.start_us + _HISTORY_ROWS * SECOND_US
    if time.time_ns() // 1000 > start_us:
        raise AssertionError(f"the windows were not filled within {_LEAD_S} s")
    for number in range(seconds * _ASSETS):
        second, asset = divmod(number, _ASSETS)
        due_us = start_us + second * SECOND_US + asset * SECOND_US // _ASSETS
        time.sleep(max(0.0, due_us / 1e6 - time.time()))
        message = plant.message(_HISTORY_ROWS + second, asset, due_us)
        row = due_us // SECOND_US
        if (row + 1) % _HOP == 0:
            arrived[message.key.decode(), (row + 1) * SECOND_US] = time.time()
        producer.produce(topic, message.value, message.key, message.partition, timestamp=message.time_ms)
        producer.poll(0)
    producer.flush(30.0)


def _watch_topic(bootstrap: str, topic: str, seen: dict[Key, float], over: Callable[[], bool]) -> None:
    """As a read_committed consumer sees it."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"watch.{topic}",
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 10,
        }
    )
    consumer.subscribe([scores_topic(topic)])
    while not over():
        message = consumer.poll(0.05)
        if message is not None and message.error() is None:
            score = msgspec.json.decode(message.value() or b"")
            seen.setdefault((score["asset"], from_iso(score["ts"])), time.time())
    consumer.close()


def _watch_table(
    url: str, topic: str, arrived: dict[Key, float], seen: dict[Key, float], over: Callable[[], bool]
) -> None:
    """As SQL sees it, asked again and again for the hops that are not there yet, and for nothing else.

    It shares a core with the broker and the server: a watcher that asked for more would be what is measured.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        while not over():
            missing = set(arrived) - seen.keys()
            if missing:
                ends = [to_datetime(end_us) for _, end_us in missing]
                assets = list({asset for asset, _ in missing})
                for asset, moment in connection.execute(_QUERY, (topic, assets, min(ends), max(ends))):
                    seen.setdefault((asset, to_us(moment)), time.time())
            time.sleep(_POLL_S)


def _summaries(arrived: dict[Key, float], seen: dict[str, dict[Key, float]]) -> dict[str, Any]:
    """By where they were seen."""
    return {where: _summary(arrived, found) for where, found in seen.items()}


def _summary(arrived: dict[Key, float], found: dict[Key, float]) -> dict[str, Any]:
    """:raises AssertionError: when nothing was seen at all."""
    waits = np.array([1000 * (found[key] - sent) for key, sent in arrived.items() if key in found])
    if not len(waits):
        raise AssertionError(f"none of {len(arrived)} hops was scored")
    p50, p99 = np.quantile(waits, (0.5, 0.99))
    return {
        "hops": len(arrived),
        "unseen": len(arrived) - len(waits),
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "largest_ms": float(waits.max()),
    }


def section(found: Mapping[str, Any]) -> str:
    """Percentiles beside the limits."""
    lines = [_line(name, found[where], _LIMITS[where]) for where, name in _PLACES.items()]
    columns = ["readable", "hops", "p50, ms", "p99, ms", "largest, ms", "p99 at most"]
    words = _WORDS.format(**found) + (_WARMING.format(**found["warming"]) if "warming" in found else "")
    return f"## Latency, end to end\n\n{words}\n{table(columns, lines)}"


_PLACES = {"topic": "on the topic, read_committed", "sql": "in SQL"}
_WORDS = """{assets} assets, one row a second each, evenly spread, for {seconds} s; `tfstream score
--commit-interval {commit_ms}ms` with its sink, on one core. From the moment that the last row of a hop is
sent to the moment that a reader sees the hop's score. An event travels with the score of its hop, in the
same transaction, and to SQL through the same sink. The hop's own wait, up to eight rows, is not in it.
"""
_WARMING = """The {seconds} s before are not counted: the broker has just been started then and has not
compiled its own code yet (p99 there: {topic[p99_ms]:.0f} ms on the topic, {sql[p99_ms]:.0f} ms in SQL).
"""


def _line(name: str, one: Mapping[str, Any], limit: float) -> list[str]:
    reached = one["unseen"] == 0 and one["p99_ms"] < limit
    unseen = f" ({one['unseen']} unseen)" if one["unseen"] else ""
    return [
        name,
        f"{one['hops']:,}{unseen}",
        f"{one['p50_ms']:.0f}",
        f"{one['p99_ms']:.0f}",
        f"{one['largest_ms']:.0f}",
        f"{limit:.0f}: {'met' if reached else '**missed**'}",
    ]
