"""Two holdings of the same topics and tables, record by record: what is missing, there twice, or wrong."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psycopg
from psycopg import sql

from tests.studies.chaos.records import OUTPUTS, Held

Identity = Hashable
_EXAMPLES = 3
_TABLES = {
    "anomaly": ("id",),
    "score": ("asset", "ts"),
    "reading": ("asset", "ts"),
}
_NOT_COMPARED = ("stream_id", "first_seen_at")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One record or row: which it is, whose, and all that it says."""

    identity: Identity
    owner: Hashable
    content: Hashable


@dataclass(kw_only=True, slots=True)
class Difference:
    """How one holding differs from what was expected.

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


def difference(expected: Sequence[Entry], found: Sequence[Entry], *, ordered: bool = True) -> Difference:
    """Multisets are compared, and for each owner the order in which its records stand."""
    wanted, held = _by_identity(expected), _by_identity(found)
    result = Difference(expected=len(expected))
    strange: list[str] = []
    for identity in wanted.keys() | held.keys():
        words = _count(result, wanted.get(identity, Counter()), held.get(identity, Counter()))
        if words:
            strange.append(f"{words}: {identity}")
    if ordered:
        wrong_order = _owners_in_other_order(expected, found)
        result.order = len(wrong_order)
        strange += [f"other order: {owner!r}" for owner in wrong_order]
    result.examples = tuple(sorted(strange)[:_EXAMPLES])
    return result


def _count(result: Difference, wanted: Counter[Hashable], held: Counter[Hashable]) -> str:
    """One identity: what is there of it against what should be."""
    if wanted == held:
        return ""
    expected, found = wanted.total(), held.total()
    same = (wanted & held).total()
    if not expected:
        result.unexpected += found
        return "unexpected"
    result.missing += max(expected - found, 0)
    result.duplicated += max(found - expected, 0)
    result.wrong += min(expected, found) - same
    return "missing" if found < expected else "duplicated" if found > expected else "wrong"


def _by_identity(entries: Iterable[Entry]) -> dict[Identity, Counter[Hashable]]:
    found: defaultdict[Identity, Counter[Hashable]] = defaultdict(Counter)
    for entry in entries:
        found[entry.identity][entry.content] += 1
    return dict(found)


def _owners_in_other_order(expected: Sequence[Entry], found: Sequence[Entry]) -> list[Hashable]:
    """Owners whose records are the same, and stand in another order."""
    wanted, held = _sequences(expected), _sequences(found)
    return [
        owner
        for owner, sequence in wanted.items()
        if Counter(sequence) == Counter(held.get(owner, [])) and sequence != held[owner]
    ]


def _sequences(entries: Iterable[Entry]) -> dict[Hashable, list[Identity]]:
    found: defaultdict[Hashable, list[Identity]] = defaultdict(list)
    for entry in entries:
        if entry.owner is not None:
            found[entry.owner].append(entry.identity)
    return dict(found)


def topics(held: Iterable[Held]) -> dict[str, list[Entry]]:
    """The records of each output topic, in the order of its partitions."""
    found: dict[str, list[Entry]] = {output: [] for output in OUTPUTS}
    for record in held:
        output = record.topic.rpartition(".")[2]
        found[output].append(
            Entry(
                identity=_IDENTITIES[output](record),
                owner=record.key,
                content=(record.key, record.value, record.headers),
            )
        )
    return found


def _anomaly(record: Held) -> Identity:
    body = json.loads(record.value or b"{}")
    return body.get("anomaly_id"), body.get("sequence")


def _score(record: Held) -> Identity:
    body = json.loads(record.value or b"{}")
    return body.get("asset"), body.get("ts")


def _dead_letter(record: Held) -> Identity:
    headers = dict(record.headers)
    return headers.get("tfstream.partition"), headers.get("tfstream.offset")


_IDENTITIES: Mapping[str, Callable[[Held], Identity]] = {
    "anomalies": _anomaly,
    "scores": _score,
    "dead-letters": _dead_letter,
}


def tables(url: str, topic: str) -> dict[str, list[Entry]]:
    """The rows of a stream in each table, as the text that PostgreSQL makes of them."""
    with psycopg.connect(url) as connection:
        return {table: _rows(connection, table, topic) for table in _TABLES}


def _rows(connection: psycopg.Connection[Any], table: str, topic: str) -> list[Entry]:
    query = sql.SQL(
        "SELECT to_jsonb(t)::text FROM {} t JOIN stream s ON s.id = t.stream_id WHERE s.topic = %s"
    )
    found = connection.execute(query.format(sql.Identifier(table)), (topic,)).fetchall()
    return [_entry(json.loads(text), _TABLES[table]) for (text,) in found]


def _entry(row: dict[str, Any], key: Sequence[str]) -> Entry:
    content = {name: value for name, value in row.items() if name not in _NOT_COMPARED}
    return Entry(
        identity=tuple(row[name] for name in key), owner=None, content=json.dumps(content, sort_keys=True)
    )
