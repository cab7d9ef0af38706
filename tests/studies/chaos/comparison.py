"""The end of a chaos run: wait until everything is processed, then compare with the undisturbed pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg

from tests.studies.chaos import kafka_records
from tests.studies.chaos.chaos_services import DISTURBED_DATABASE, UNDISTURBED_DATABASE, ChaosServices
from tests.studies.chaos.fault_plan import SCORERS, TABLE_WRITERS
from tests.studies.chaos.kafka_records import OUTPUTS, ConcurrentReader, OutputRecord
from tests.studies.chaos.record_differences import (
    ComparedRecord,
    RecordDifferences,
    compare_records,
    records_by_topic,
    rows_by_table,
)
from tests.studies.chaos.supervisor import Supervisor
from tests.studies.chaos.waiting import wait_and_report

_PROCESS_S = 240.0  # a hung commit may take 90 s to be noticed, and its process must start again
_LAST_S = 60.0


@dataclass(kw_only=True)
class ChaosComparison:
    """Differences by copy (a reader or SQL), then by topic or table."""

    differences: dict[str, dict[str, RecordDifferences]] = field(default_factory=dict)
    reader_errors: list[str] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        return bool(self.lines)

    @property
    def lines(self) -> list[str]:
        """The differences, one line each, with examples."""
        return [
            f"{copy}, {name}: {differences}"
            for copy, by_name in self.differences.items()
            for name, differences in by_name.items()
            if differences.any
        ]

    @property
    def passed(self) -> bool:
        return bool(self.differences) and not self.reader_errors and not self.differs


def output_topics(topic: str) -> list[str]:
    return [f"{topic}.{output}" for output in OUTPUTS]


def wait_until_processed(
    services: ChaosServices, topic: str, supervisor: Supervisor
) -> tuple[list[OutputRecord], list[str]]:
    """Wait until scorers, sink and recorder have processed the whole log, and stop them.

    Returns the records of the output topics, and a line for everything that did not happen in time.
    """
    bootstrap, outputs = services.broker.bootstrap, output_topics(topic)
    late = wait_and_report(lambda: _scored(bootstrap, topic), "the scorers to finish the log", _PROCESS_S)
    late += _stop(supervisor, [name for name in SCORERS if name in supervisor.processes])
    late += wait_and_report(
        lambda: kafka_records.no_open_transactions(bootstrap, outputs), "all transactions to end", _LAST_S
    )
    final = kafka_records.read_all(bootstrap, outputs)
    late += wait_and_report(
        lambda: _stored(services, topic, final), "sink and recorder to reach the end", _PROCESS_S
    )
    return final, late + _stop(supervisor, TABLE_WRITERS)


def _stop(supervisor: Supervisor, names: Sequence[str]) -> list[str]:
    """SIGTERM after the last fault: every process must end with 0."""
    codes = {name: supervisor[name].stop() for name in names}
    return [f"{name} ended with {code} at the end" for name, code in codes.items() if code != 0]


def compare_with_undisturbed(
    services: ChaosServices, topic: str, reader: ConcurrentReader, final: list[OutputRecord]
) -> ChaosComparison:
    """Compare both readers' records and the tables' rows with those of the undisturbed pass."""
    late = wait_and_report(
        lambda: len(reader.records) >= len(final), "the concurrent reader to read everything", _LAST_S
    )
    undisturbed = kafka_records.read_all(services.undisturbed_bootstrap, output_topics(topic))
    expected = records_by_topic(undisturbed)
    expected_rows = rows_by_table(services.url(UNDISTURBED_DATABASE), topic)
    rows = rows_by_table(services.url(DISTURBED_DATABASE), topic)
    return ChaosComparison(
        differences={
            "concurrent reader": _by_topic(expected, records_by_topic(reader.records)),
            "final reader": _by_topic(expected, records_by_topic(final)),
            "SQL": {
                table: compare_records(expected_rows[table], rows[table], ordered=False)
                for table in expected_rows
            },
        },
        reader_errors=[*reader.errors, *late],
    )


def _by_topic(
    expected: dict[str, list[ComparedRecord]], actual: dict[str, list[ComparedRecord]]
) -> dict[str, RecordDifferences]:
    return {name: compare_records(expected[name], actual[name]) for name in OUTPUTS}


def _scored(bootstrap: str, topic: str) -> bool:
    committed = kafka_records.committed_offsets(bootstrap, topic, f"tfstream.score.{topic}")
    ends = kafka_records.end_offsets(bootstrap, topic)
    return all(committed[partition].offset == end for partition, end in ends.items() if end)


def _stored(services: ChaosServices, topic: str, final: list[OutputRecord]) -> bool:
    """Whether the offsets in the database have passed the last record of every topic that fills tables."""
    ends = kafka_records.end_offsets(services.broker.bootstrap, topic)
    wanted = {(topic, partition): end for partition, end in ends.items() if end}
    for record in final:
        if not record.topic.endswith(".dead-letters"):
            wanted[record.topic, record.partition] = record.offset + 1
    with psycopg.connect(services.url(DISTURBED_DATABASE)) as connection:
        rows = connection.execute("SELECT topic, partition, next_offset FROM progress").fetchall()
    stored = {(name, partition): next_offset for name, partition, next_offset in rows}
    return all(stored.get(partition) == next_offset for partition, next_offset in wanted.items())
