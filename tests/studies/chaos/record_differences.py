"""Compares two copies of the same topics and tables: records that are missing, duplicated or wrong."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psycopg
from psycopg import sql

from tests.studies.chaos.kafka_records import OUTPUTS, OutputRecord

RecordIdentity = Hashable
_EXAMPLES = 3
_TABLES = {
    "anomaly": ("id",),
    "score": ("asset", "ts"),
    "reading": ("asset", "ts"),
}
_NOT_COMPARED = ("stream_id", "first_seen_at")


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedRecord:
    """One record or row: its identity, the key whose records have an order, and its whole content."""

    identity: RecordIdentity
    owner: Hashable
    content: Hashable


@dataclass(kw_only=True, slots=True)
class RecordDifferences:
    """How a copy differs from the expected records.

    ``order`` counts owners that have the same records in another order.
    """

    expected: int = 0
    missing: int = 0
    duplicated: int = 0
    wrong: int = 0
    unexpected: int = 0
    order: int = 0
    examples: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        return bool(self.missing or self.duplicated or self.wrong or self.unexpected or self.order)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def compare_records(
    expected: Sequence[ComparedRecord], actual: Sequence[ComparedRecord], *, ordered: bool = True
) -> RecordDifferences:
    """Compare as multisets, and if ``ordered`` also the order of the records of each owner."""
    wanted, held = _by_identity(expected), _by_identity(actual)
    differences = RecordDifferences(expected=len(expected))
    examples: list[str] = []
    for identity in wanted.keys() | held.keys():
        kind = _count(differences, wanted.get(identity, Counter()), held.get(identity, Counter()))
        if kind:
            examples.append(f"{kind}: {identity}")
    if ordered:
        reordered = _reordered_owners(expected, actual)
        differences.order = len(reordered)
        examples += [f"other order: {owner!r}" for owner in reordered]
    differences.examples = tuple(sorted(examples)[:_EXAMPLES])
    return differences


def _count(differences: RecordDifferences, wanted: Counter[Hashable], held: Counter[Hashable]) -> str:
    """Add the differences of one identity; returns their kind, or an empty text when there is none."""
    if wanted == held:
        return ""
    expected, actual = wanted.total(), held.total()
    same = (wanted & held).total()
    if not expected:
        differences.unexpected += actual
        return "unexpected"
    differences.missing += max(expected - actual, 0)
    differences.duplicated += max(actual - expected, 0)
    differences.wrong += min(expected, actual) - same
    return "missing" if actual < expected else "duplicated" if actual > expected else "wrong"


def _by_identity(records: Iterable[ComparedRecord]) -> dict[RecordIdentity, Counter[Hashable]]:
    contents: defaultdict[RecordIdentity, Counter[Hashable]] = defaultdict(Counter)
    for record in records:
        contents[record.identity][record.content] += 1
    return dict(contents)


def _reordered_owners(expected: Sequence[ComparedRecord], actual: Sequence[ComparedRecord]) -> list[Hashable]:
    """Owners that have the same records in another order."""
    wanted, held = _sequences(expected), _sequences(actual)
    return [
        owner
        for owner, sequence in wanted.items()
        if Counter(sequence) == Counter(held.get(owner, [])) and sequence != held[owner]
    ]


def _sequences(records: Iterable[ComparedRecord]) -> dict[Hashable, list[RecordIdentity]]:
    identities: defaultdict[Hashable, list[RecordIdentity]] = defaultdict(list)
    for record in records:
        if record.owner is not None:
            identities[record.owner].append(record.identity)
    return dict(identities)


def records_by_topic(records: Iterable[OutputRecord]) -> dict[str, list[ComparedRecord]]:
    """The records of each output topic, in the order of its partitions."""
    by_topic: dict[str, list[ComparedRecord]] = {output: [] for output in OUTPUTS}
    for record in records:
        output = record.topic.rpartition(".")[2]
        by_topic[output].append(
            ComparedRecord(
                identity=_IDENTITIES[output](record),
                owner=record.key,
                content=(record.key, record.value, record.headers),
            )
        )
    return by_topic


def _anomaly(record: OutputRecord) -> RecordIdentity:
    body = json.loads(record.value or b"{}")
    return body.get("anomaly_id"), body.get("sequence")


def _score(record: OutputRecord) -> RecordIdentity:
    body = json.loads(record.value or b"{}")
    return body.get("asset"), body.get("ts")


def _dead_letter(record: OutputRecord) -> RecordIdentity:
    headers = dict(record.headers)
    return headers.get("tfstream.partition"), headers.get("tfstream.offset")


_IDENTITIES: Mapping[str, Callable[[OutputRecord], RecordIdentity]] = {
    "anomalies": _anomaly,
    "scores": _score,
    "dead-letters": _dead_letter,
}


def rows_by_table(url: str, topic: str) -> dict[str, list[ComparedRecord]]:
    """The rows of a stream in each table, as PostgreSQL converts them to JSON text."""
    with psycopg.connect(url) as connection:
        return {table: _rows(connection, table, topic) for table in _TABLES}


def _rows(connection: psycopg.Connection[Any], table: str, topic: str) -> list[ComparedRecord]:
    query = sql.SQL(
        "SELECT to_jsonb(t)::text FROM {} t JOIN stream s ON s.id = t.stream_id WHERE s.topic = %s"
    )
    rows = connection.execute(query.format(sql.Identifier(table)), (topic,)).fetchall()
    return [_compared_row(json.loads(text), _TABLES[table]) for (text,) in rows]


def _compared_row(row: dict[str, Any], key: Sequence[str]) -> ComparedRecord:
    content = {name: value for name, value in row.items() if name not in _NOT_COMPARED}
    return ComparedRecord(
        identity=tuple(row[name] for name in key), owner=None, content=json.dumps(content, sort_keys=True)
    )
