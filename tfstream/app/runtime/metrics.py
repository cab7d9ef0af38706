"""Every metric by name, kind and meaning, and the board that holds a process's present values.

A process publishes whole lists of samples once a second; a scrape reads the newest samples. Nothing here runs
once per message. ``docs/metrics.md`` is made from this table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple


class Metric(NamedTuple):
    """A family of samples, with a value for each of ``labels``; no label names an asset, as they are many."""

    name: str
    kind: Literal["counter", "gauge"]
    meaning: str
    labels: tuple[str, ...] = ("process", "topic")


_PARTITION = ("process", "topic", "partition")
MESSAGES = Metric("tfstream_messages_total", "counter", "messages read by score, stored by record and sink")
WINDOWS = Metric("tfstream_windows_scored_total", "counter", "windows scored")
EVENTS = Metric("tfstream_anomaly_events_total", "counter", "anomaly events committed")
DEAD_LETTERS = Metric("tfstream_dead_letters_total", "counter", "messages committed to the dead letters")
UNREADABLE = Metric("tfstream_unreadable_total", "counter", "messages that record could not read")
COMMITS = Metric("tfstream_commits_total", "counter", "commits")
ABORTED = Metric("tfstream_aborted_commits_total", "counter", "commits that were rolled back and repeated")
LAG = Metric(
    "tfstream_lag_messages", "gauge", "messages between the next offset and the partition's end", _PARTITION
)
EVENT_TIME = Metric(
    "tfstream_event_time_seconds", "gauge", "the partition's largest event time, since 1970", _PARTITION
)
AT_LIMIT = Metric(
    "tfstream_at_dead_letter_limit",
    "gauge",
    "1 while the partition is stopped at its dead-letter limit",
    _PARTITION,
)
LAST_COMMIT = Metric("tfstream_last_commit_timestamp_seconds", "gauge", "time of the last commit, since 1970")
LAST_ROUND = Metric(
    "tfstream_last_round_timestamp_seconds",
    "gauge",
    "time of the last pass through the process's main loop, since 1970",
)
PARTITIONS = Metric("tfstream_assigned_partitions", "gauge", "partitions that this process has")
MODEL = Metric("tfstream_model_version", "gauge", "the version of the model that scores")
NOT_SCORING = Metric(
    "tfstream_not_scoring",
    "gauge",
    "1 for the reason why the scorer scores nothing or not every partition, 0 for all other reasons",
    ("process", "topic", "reason"),
)
WAITING = Metric(
    "tfstream_waiting_for_service",
    "gauge",
    "1 while record or sink cannot store, or score cannot check for a new model, because a service is "
    "unavailable",
)

METRICS = (
    MESSAGES,
    WINDOWS,
    EVENTS,
    DEAD_LETTERS,
    UNREADABLE,
    COMMITS,
    ABORTED,
    LAG,
    EVENT_TIME,
    AT_LIMIT,
    LAST_COMMIT,
    LAST_ROUND,
    PARTITIONS,
    MODEL,
    NOT_SCORING,
    WAITING,
)


class Sample(NamedTuple):
    """One value of a metric; ``labels`` in the order of the metric's own."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


class MetricBoard:
    """The newest samples of each part of a process: its threads write them, a scrape reads them."""

    def __init__(self) -> None:
        self._parts: dict[str, Sequence[Sample]] = {}

    def publish(self, part: str, samples: Sequence[Sample]) -> None:
        """Replace what ``part`` published before; samples of a revoked partition are gone then."""
        self._parts = {**self._parts, part: samples}

    def read(self) -> list[Sample]:
        return [sample for samples in list(self._parts.values()) for sample in samples]
