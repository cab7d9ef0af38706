"""The end of a show: wait until everything is dealt with, then compare with the undisturbed pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg

from tests.studies.chaos import compare, records
from tests.studies.chaos.cast import Cast
from tests.studies.chaos.compare import Difference
from tests.studies.chaos.plan import FEEDS, SCORERS
from tests.studies.chaos.records import OUTPUTS, Held, Reader
from tests.studies.chaos.stage import DISTURBED, LEFT_ALONE, Stage
from tests.studies.chaos.waiting import in_time

_SETTLE_S = 240.0  # a hung commit may take 90 s to be noticed, and its process must start again
_LAST_S = 60.0


@dataclass(kw_only=True)
class Verdict:
    """Differences by holding (a reader's, or SQL) and then by topic or table."""

    differences: dict[str, dict[str, Difference]] = field(default_factory=dict)
    reader_errors: list[str] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        return any(one.any for held in self.differences.values() for one in held.values())

    @property
    def words(self) -> list[str]:
        """What differs, one line each, with examples."""
        return [
            f"{holder}, {name}: {one}"
            for holder, held in self.differences.items()
            for name, one in held.items()
            if one.any
        ]

    @property
    def passed(self) -> bool:
        return bool(self.differences) and not self.reader_errors and not self.differs


def settle(stage: Stage, topic: str, cast: Cast) -> tuple[list[Held], list[str]]:
    """Until scorers, sink and recorder have dealt with the whole log and ended.

    Returns what is then in Kafka, and what did not come about in time.
    """
    bootstrap = stage.broker.bootstrap
    late = in_time(lambda: _scored(bootstrap, topic), "the scorers to reach the end of the log", _SETTLE_S)
    late += _ended(cast, [name for name in SCORERS if name in cast.actors])
    outputs = [f"{topic}.{output}" for output in OUTPUTS]
    late += in_time(lambda: records.all_ended(bootstrap, outputs), "all transactions to end", _LAST_S)
    final = records.read_all(bootstrap, outputs)
    late += in_time(lambda: _stored(stage, topic, final), "sink and recorder to reach the end", _SETTLE_S)
    return final, late + _ended(cast, FEEDS)


def _ended(cast: Cast, names: Sequence[str]) -> list[str]:
    """SIGTERM at the end: with nothing done to them any more, all end well."""
    codes = {name: cast[name].end() for name in names}
    return [f"{name} ended with {code} at the end" for name, code in codes.items() if code != 0]


def verdict(stage: Stage, topic: str, reader: Reader, final: list[Held]) -> Verdict:
    outputs = [f"{topic}.{output}" for output in OUTPUTS]
    late = in_time(lambda: len(reader.held) >= len(final), "the reader to have read everything", _LAST_S)
    expected = compare.topics(records.read_all(stage.quiet_bootstrap, outputs))
    expected_rows = compare.tables(stage.url(LEFT_ALONE), topic)
    found_rows = compare.tables(stage.url(DISTURBED), topic)
    concurrent, last = compare.topics(reader.held), compare.topics(final)
    return Verdict(
        differences={
            "concurrent reader": {
                name: compare.difference(expected[name], concurrent[name]) for name in OUTPUTS
            },
            "final reader": {name: compare.difference(expected[name], last[name]) for name in OUTPUTS},
            "SQL": {
                table: compare.difference(rows, found_rows[table], ordered=False)
                for table, rows in expected_rows.items()
            },
        },
        reader_errors=[*reader.errors, *late],
    )


def _scored(bootstrap: str, topic: str) -> bool:
    stands = records.committed(bootstrap, topic, f"tfstream.score.{topic}")
    return all(stands[p].offset == end for p, end in records.ends(bootstrap, topic).items() if end)


def _stored(stage: Stage, topic: str, final: list[Held]) -> bool:
    """Whether the tables' offsets stand after the last record of what they are filled from."""
    wanted = {(topic, p): end for p, end in records.ends(stage.broker.bootstrap, topic).items() if end}
    for one in final:
        if not one.topic.endswith(".dead-letters"):
            wanted[one.topic, one.partition] = one.offset + 1
    with psycopg.connect(stage.url(DISTURBED)) as connection:
        rows = connection.execute("SELECT topic, partition, next_offset FROM progress").fetchall()
    held = {(name, partition): following for name, partition, following in rows}
    return all(held.get(place) == following for place, following in wanted.items())
