"""The whole pipeline on real readings: learn normal operation, detect valve faults, survive kill -9.

Five runs of the SKAB testbed, each an asset: the first 400 rows of each are learnt from, then all are
replayed to a topic of real Apache Kafka and scored. The commands are those of ``docs/walkthrough.md``, so
that the page shows what they print.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import psycopg
import pytest
from confluent_kafka import Producer
from psycopg.rows import dict_row

from tests.conftest import Broker, temporary_database
from tests.integration.support import walkthrough
from tests.integration.support.commands import FullTrainingTfstream, Tfstream, wait_until
from tests.integration.support.output_shape import shape_of
from tests.integration.support.stream_copy import copy_stream
from tests.integration.support.topic_reader import TopicMessage, committed_offsets, read_committed
from tests.integration.support.walkthrough import OMITTED, PAGE, Step
from tfstream.core.messages.anomaly_event import AnomalyEvent
from tfstream.streaming.topics import ensure_topic

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.quality, pytest.mark.slow]

TOPIC, KILLED_TOPIC = "skab.sensors", "skab-killed.sensors"
RUNS = tuple(f"valve1_{number}" for number in range(5))
POISON = (b'{"ts": "2020-03-09T10:30:00Z", "asset"', b"\xff\xfe", b"", b'{"asset": "valve1_0"}')
KILLS = 3
EMPTY_DATABASE = "template1"
# Lines of `tfstream train` that another processor's last digits may bring or take away.
DEPENDS_ON_DIGITS = ("levels over", "# alarm")
STEPS = walkthrough.steps(PAGE.read_text(encoding="utf-8"))

Row = dict[str, Any]


class ScoredRuns(NamedTuple):
    """The files of the five runs, and what the walkthrough's commands printed that scored them."""

    tfstream: Tfstream
    files: dict[str, Path]
    outputs: Mapping[str, str]


@pytest.fixture(scope="module")
def scored(kafka: Broker, postgres_url: str, labelled_data: Path) -> Iterator[ScoredRuns]:
    """Run the walkthrough, with unreadable messages among the readings."""
    for url in temporary_database(postgres_url, EMPTY_DATABASE):
        tfstream = FullTrainingTfstream(url, kafka.bootstrap, TFSTREAM_KAFKA_SESSION_TIMEOUT_MS="6000")
        outputs = {}
        for step in (step for step in STEPS if step.is_of_tfstream):
            if step.command.startswith("tfstream score"):
                poison = [TopicMessage(0, -1, RUNS[0].encode(), value, ()) for value in POISON]
                send(kafka.bootstrap, TOPIC, poison)
            own = walkthrough.of_an_alarm(step, tfstream)
            outputs[step.command] = walkthrough.replay(own, tfstream, labelled_data / "skab")
        files = {run: labelled_data / "skab" / f"{run}.csv" for run in RUNS}
        yield ScoredRuns(tfstream, files, outputs)


@pytest.fixture(scope="module")
def killed(scored: ScoredRuns) -> str:
    """The same messages and model, scored by four processes, of which three are killed."""
    tfstream = scored.tfstream
    ensure_topic({"bootstrap.servers": tfstream.bootstrap}, KILLED_TOPIC, 3)
    copy_stream(tfstream.database_url, TOPIC, KILLED_TOPIC)
    log = sorted(
        read_committed(tfstream.bootstrap, TOPIC), key=lambda message: (message.offset, message.partition)
    )
    part = len(log) // (KILLS + 1)
    for number in range(KILLS):
        send(tfstream.bootstrap, KILLED_TOPIC, log[number * part : (number + 1) * part])
        score_until_a_commit_and_kill(tfstream)
    send(tfstream.bootstrap, KILLED_TOPIC, log[KILLS * part :])
    tfstream.run("score", "--topic", KILLED_TOPIC, "--until-end")
    return KILLED_TOPIC


@pytest.mark.parametrize(
    "step", [step for step in STEPS if step.is_of_tfstream], ids=lambda step: step.command
)
def test_the_walkthrough_shows_what_a_command_prints(scored: ScoredRuns, step: Step) -> None:
    """The same tables, fields and sentences; `make walkthrough` records the page again."""
    shown = shape_of(line for line in step.output if line != OMITTED)
    printed = shape_of(scored.outputs[step.command].splitlines())
    assert shown.headers == printed.headers
    changed = shown.lines - printed.lines if OMITTED in step.output else shown.lines ^ printed.lines
    assert not [line for line in changed if not line.startswith(DEPENDS_ON_DIGITS)]


def test_the_walkthrough_shows_the_columns_and_the_fields_of_today(scored: ScoredRuns) -> None:
    """Of its query and of its record, which psql and kcat print."""
    query, record = (step for step in STEPS if not step.is_of_tfstream)
    statement = query.command.partition('"')[2].rpartition('"')[0]
    with psycopg.connect(scored.tfstream.database_url) as connection:
        columns = connection.execute(statement).description
    assert columns is not None
    assert [column.name for column in columns] == [cell.strip() for cell in query.output[0].split("|")]
    fields = json.loads("".join(record.output).partition(" ")[2])
    assert list(fields) == list(AnomalyEvent.__struct_fields__)


def test_most_labelled_faults_are_detected(scored: ScoredRuns) -> None:
    """Four of the five are; the test requires three, so that the last digit of a score does not decide."""
    episodes = [row for row in anomalies(scored.tfstream, TOPIC) if row["kind"] != "silence"]
    detected = [
        run for run, (start, end) in labels(scored.files).items() if overlapping(episodes, run, start, end)
    ]
    assert len(detected) >= 3, f"only {detected} of {RUNS}"
    assert all(row["score"] >= row["threshold"] and row["sensors"] for row in episodes)


def test_the_topics_and_sql_hold_the_same_values(scored: ScoredRuns) -> None:
    bootstrap = scored.tfstream.bootstrap
    last = {event.body["anomaly_id"]: event.body for event in by_sequence(bootstrap, TOPIC)}
    stored = {str(row["id"]): row for row in anomalies(scored.tfstream, TOPIC)}
    assert stored.keys() == last.keys()
    for anomaly_id, event in last.items():
        row = stored[anomaly_id]
        for name in ("asset", "kind", "sequence", "score", "threshold", "sensors", "source"):
            assert row[name] == event[name], name
        assert row["started_at"] == datetime.fromisoformat(event["started_at"])
        assert (row["state"] == "closed") == (event["event"] == "closed")
    scores = {
        (score.body["asset"], datetime.fromisoformat(score.body["ts"]), score.body["score"])
        for score in read_committed(bootstrap, f"{TOPIC}.scores")
    }
    assert scores == {
        (row["asset"], row["ts"], row["score"]) for row in rows_of(scored.tfstream, "score", TOPIC)
    }


def test_every_event_of_an_episode_is_written_once_and_in_order(scored: ScoredRuns) -> None:
    episodes: dict[str, list[str]] = {}
    for event in by_sequence(scored.tfstream.bootstrap, TOPIC):
        types = episodes.setdefault(event.body["anomaly_id"], [])
        types.append(event.body["event"])
        assert event.body["sequence"] == len(types)
    assert episodes
    for types in episodes.values():
        assert types[0] == "opened"
        assert set(types[1:-1]) <= {"updated"}


def test_unreadable_messages_are_kept_with_their_reason(scored: ScoredRuns) -> None:
    letters = read_committed(scored.tfstream.bootstrap, f"{TOPIC}.dead-letters")
    assert sorted(letter.value or b"" for letter in letters) == sorted(POISON)
    source = {
        (message.partition, message.offset): message
        for message in read_committed(scored.tfstream.bootstrap, TOPIC)
    }
    for letter in letters:
        headers = {name: (value or b"").decode() for name, value in letter.headers}
        assert headers["tfstream.topic"] == TOPIC
        assert headers["tfstream.reason"]
        origin = source[int(headers["tfstream.partition"]), int(headers["tfstream.offset"])]
        assert (origin.key, origin.value or b"") == (letter.key, letter.value or b"")


def test_kill_minus_nine_changes_nothing_in_kafka(scored: ScoredRuns, killed: str) -> None:
    """Record for record, in the order of each partition."""
    bootstrap = scored.tfstream.bootstrap
    for suffix in ("anomalies", "scores", "dead-letters"):
        expected = [comparable(record, TOPIC) for record in read_committed(bootstrap, f"{TOPIC}.{suffix}")]
        assert expected
        assert by_asset(expected) == by_asset(
            [comparable(record, killed) for record in read_committed(bootstrap, f"{killed}.{suffix}")]
        )


def test_kill_minus_nine_changes_nothing_in_sql(scored: ScoredRuns, killed: str) -> None:
    for table in ("anomaly", "score"):
        expected = [without_identity(row) for row in rows_of(scored.tfstream, table, TOPIC)]
        assert expected
        assert [without_identity(row) for row in rows_of(scored.tfstream, table, killed)] == expected


def test_scoring_again_writes_nothing(scored: ScoredRuns) -> None:
    before = read_committed(scored.tfstream.bootstrap, f"{TOPIC}.scores")
    done = scored.tfstream.run("score", "--topic", TOPIC, "--until-end")
    assert "0 windows scored" in done.stderr
    assert read_committed(scored.tfstream.bootstrap, f"{TOPIC}.scores") == before


def test_check_reports_no_error(scored: ScoredRuns) -> None:
    results = json.loads(scored.tfstream.run("check", "--topic", TOPIC, "--json").stdout)
    assert {result["state"] for result in results} <= {"ok", "warning"}
    lag = next(result for result in results if result["name"].endswith("scorer lag"))
    assert "0 messages behind" in lag["detail"]


def score_until_a_commit_and_kill(tfstream: Tfstream) -> None:
    before = progress(tfstream)
    with tfstream.running("score", "--topic", KILLED_TOPIC, "--commit-interval", "20ms") as scorer:
        wait_until(lambda: progress(tfstream) > before, "a commit", scorer)


def progress(tfstream: Tfstream) -> int:
    offsets = committed_offsets(tfstream.bootstrap, KILLED_TOPIC, f"tfstream.score.{KILLED_TOPIC}")
    return sum(max(offset, 0) for offset in offsets.values())


def send(bootstrap: str, topic: str, messages: Sequence[TopicMessage]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
    for message in messages:
        producer.produce(topic, message.value, message.key, message.partition)
    assert producer.flush(30.0) == 0


def anomalies(tfstream: Tfstream, topic: str) -> list[Row]:
    return rows_of(tfstream, "anomaly", topic)


def rows_of(tfstream: Tfstream, table: str, topic: str) -> list[Row]:
    order = "asset, started_at, kind" if table == "anomaly" else "asset, ts"
    query = (
        f"SELECT t.* FROM {table} t JOIN stream s ON s.id = t.stream_id WHERE s.topic = %s ORDER BY {order}"
    )
    with psycopg.connect(tfstream.database_url, row_factory=dict_row) as connection:
        return connection.execute(query, (topic,)).fetchall()


def without_identity(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("id", "stream_id", "first_seen_at")}


def by_sequence(bootstrap: str, topic: str) -> list[TopicMessage]:
    return sorted(read_committed(bootstrap, f"{topic}.anomalies"), key=lambda event: event.body["sequence"])


def comparable(record: TopicMessage, topic: str) -> tuple[bytes, object, object]:
    """A record without the parts that must differ: the topic's name, and the id that is computed from it."""
    try:
        body: object = {
            name: value for name, value in record.body.items() if name not in ("topic", "anomaly_id")
        }
    except ValueError:
        body = record.value
    headers = [(name, value) for name, value in record.headers if value != topic.encode()]
    return record.key or b"", body, headers


def by_asset(records: Sequence[tuple[bytes, object, object]]) -> dict[bytes, list[object]]:
    grouped: dict[bytes, list[object]] = {}
    for key, body, headers in records:
        grouped.setdefault(key, []).append((body, headers))
    return grouped


def labels(files: dict[str, Path]) -> dict[str, tuple[datetime, datetime]]:
    """When each run's fault begins and ends."""
    spans = {}
    for run, file in files.items():
        frame = pd.read_csv(file)
        faulty = pd.to_datetime(frame.timestamp[frame.label == 1]).dt.tz_localize(UTC)
        spans[run] = (faulty.iloc[0].to_pydatetime(), faulty.iloc[-1].to_pydatetime())
    return spans


def overlapping(episodes: Sequence[Row], run: str, start: datetime, end: datetime) -> bool:
    return any(
        row["asset"] == run and row["started_at"] <= end and (row["ended_at"] or end) >= start
        for row in episodes
    )
