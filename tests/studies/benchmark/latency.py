"""Part ``latency``: from sending a record to its score on the topic and in SQL."""

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
from tests.studies.benchmark.load_generator import BenchmarkPlant
from tests.studies.benchmark.score_process import ScoringGroup, register, running_scorer
from tests.studies.benchmark.topic_setup import create_topic, fill_topic
from tests.studies.markdown import met, table
from tests.studies.simulated_readings import SECOND_US
from tfstream.core.messages.anomaly_event import from_iso
from tfstream.storage.datetimes import to_datetime, to_us
from tfstream.streaming.topics import scores_topic

_ASSETS, _SECONDS, _HISTORY_ROWS, _LEAD_S = 200, 40, 72, 30
_WARMING_S = 16  # the broker is new, and its first commits are slow
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
    """Send one row a second for each asset in real time, without waiting for the scorer."""
    topic, seconds = bench.topic("latency"), bench.settings.amount(_SECONDS, least=10)
    create_topic(bench.bootstrap, topic, 1)
    register(bench, topic)
    sent = fill_topic(bench.bootstrap, topic, BenchmarkPlant(_ASSETS).messages(0, 1))
    with (
        running_scorer(bench, topic, MEASURED, "--commit-interval", f"{_COMMIT_MS}ms") as process,
        ScoringGroup(bench, topic, 1) as group,
    ):
        process.wait_for(lambda: group.committed() >= sent, "the scorer's start")
        bench.log(f"latency: {_ASSETS} rows a second for {seconds} s")
        start_us = (time.time_ns() // 1000 // SECOND_US + _LEAD_S) * SECOND_US
        plant = BenchmarkPlant(_ASSETS, start_us=start_us - _HISTORY_ROWS * SECOND_US)
        sent += fill_topic(bench.bootstrap, topic, plant.messages(0, _HISTORY_ROWS))
        process.wait_for(lambda: group.committed() >= sent, "the windows before real time")
        sent_at, seen_at = _send_and_watch(bench, topic, plant, _WARMING_S + seconds)
    counted_us = start_us + _WARMING_S * SECOND_US
    counted = {key: sent for key, sent in sent_at.items() if key[1] > counted_us}
    warming = {key: sent for key, sent in sent_at.items() if key not in counted}
    return {
        "assets": _ASSETS,
        "seconds": seconds,
        "commit_ms": _COMMIT_MS,
        **_summaries(counted, seen_at),
        "warming": {"seconds": _WARMING_S, **_summaries(warming, seen_at)},
    }


def _send_and_watch(
    bench: Bench, topic: str, plant: BenchmarkPlant, seconds: int
) -> tuple[dict[Key, float], dict[str, dict[Key, float]]]:
    """When the last record of each hop was sent, and when each reader first saw its score."""
    sent_at: dict[Key, float] = {}
    seen_at: dict[str, dict[Key, float]] = {"topic": {}, "sql": {}}
    over = threading.Event()
    watchers = [
        threading.Thread(target=_watch_topic, args=(bench.bootstrap, topic, seen_at["topic"], over.is_set)),
        threading.Thread(
            target=_watch_table, args=(bench.database_url, topic, sent_at, seen_at["sql"], over.is_set)
        ),
    ]
    for watcher in watchers:
        watcher.start()
    _send(bench.bootstrap, topic, plant, seconds, sent_at)
    deadline = time.monotonic() + _LAST_WAIT_S
    while any(sent_at.keys() - times.keys() for times in seen_at.values()) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    over.set()
    for watcher in watchers:
        watcher.join()
    return sent_at, seen_at


def _send(bootstrap: str, topic: str, plant: BenchmarkPlant, seconds: int, sent_at: dict[Key, float]) -> None:
    """Send each record at its time, without waiting for the scorer; they continue the plant's history.

    :raises AssertionError: when that time has passed because the scorer took too long for the history.
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
            sent_at[message.key.decode(), (row + 1) * SECOND_US] = time.time()
        producer.produce(topic, message.value, message.key, message.partition, timestamp=message.time_ms)
        producer.poll(0)
    producer.flush(30.0)


def _watch_topic(bootstrap: str, topic: str, seen_at: dict[Key, float], is_over: Callable[[], bool]) -> None:
    """Record when a read_committed consumer sees each score."""
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
    while not is_over():
        message = consumer.poll(0.05)
        if message is not None and message.error() is None:
            score = msgspec.json.decode(message.value() or b"")
            seen_at.setdefault((score["asset"], from_iso(score["ts"])), time.time())
    consumer.close()


def _watch_table(
    url: str, topic: str, sent_at: dict[Key, float], seen_at: dict[Key, float], is_over: Callable[[], bool]
) -> None:
    """Record when SQL shows each score, by repeated queries for the hops that are still missing.

    The query shares a core with broker and server; a larger query would influence the measurement.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        while not is_over():
            missing = set(sent_at) - seen_at.keys()
            if missing:
                ends = [to_datetime(end_us) for _, end_us in missing]
                assets = list({asset for asset, _ in missing})
                for asset, moment in connection.execute(_QUERY, (topic, assets, min(ends), max(ends))):
                    seen_at.setdefault((asset, to_us(moment)), time.time())
            time.sleep(_POLL_S)


def _summaries(sent_at: dict[Key, float], seen_at: dict[str, dict[Key, float]]) -> dict[str, Any]:
    """Latencies on the topic and in SQL."""
    return {reader: _summary(sent_at, times) for reader, times in seen_at.items()}


def _summary(sent_at: dict[Key, float], seen_at: dict[Key, float]) -> dict[str, Any]:
    """Percentiles of the latency.

    :raises AssertionError: when no score was seen.
    """
    waits = np.array([1000 * (seen_at[key] - sent) for key, sent in sent_at.items() if key in seen_at])
    if not len(waits):
        raise AssertionError(f"none of {len(sent_at)} hops was scored")
    p50, p99 = np.quantile(waits, (0.5, 0.99))
    return {
        "hops": len(sent_at),
        "unseen": len(sent_at) - len(waits),
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "largest_ms": float(waits.max()),
    }


def section(figures: Mapping[str, Any]) -> str:
    """Percentiles with their limits."""
    lines = [_line(name, figures[reader], _LIMITS[reader]) for reader, name in _READERS.items()]
    columns = ["readable", "hops", "p50, ms", "p99, ms", "largest, ms", "p99 at most"]
    words = _INTRO.format(**figures) + (_WARMING.format(**figures["warming"]) if "warming" in figures else "")
    return f"## Latency, end to end\n\n{words}\n{table(columns, lines)}"


_READERS = {"topic": "on the topic, read_committed", "sql": "in SQL"}
_INTRO = """{assets} assets, one row a second each, evenly distributed, for {seconds} s; `tfstream score
--commit-interval {commit_ms}ms` with its sink, on one core. Latency is the time from sending the last row of
a hop until a reader sees the score of the hop. An event has the latency of its hop's score: both are in the
same transaction and reach SQL through the same sink. The time to complete a hop, up to eight rows, is not
included.
"""
_WARMING = """The {seconds} s before are not counted, because the broker has just started and has not compiled
its code yet (p99 in that time: {topic[p99_ms]:.0f} ms on the topic, {sql[p99_ms]:.0f} ms in SQL).
"""


def _line(name: str, latency: Mapping[str, Any], limit: float) -> list[str]:
    reached = latency["unseen"] == 0 and latency["p99_ms"] < limit
    unseen = f" ({latency['unseen']} unseen)" if latency["unseen"] else ""
    return [
        name,
        f"{latency['hops']:,}{unseen}",
        f"{latency['p50_ms']:.0f}",
        f"{latency['p99_ms']:.0f}",
        f"{latency['largest_ms']:.0f}",
        f"{limit:.0f}: {met(reached)}",
    ]
