"""Stored scores: one row for each asset and hop, until its day partition is dropped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, text
from sqlalchemy.dialects.postgresql import insert

from tfstream.core.messages.anomaly_event import ScoreRecord
from tfstream.storage import partitions
from tfstream.storage.datetimes import to_datetime, to_us
from tfstream.storage.tables import score

_CHUNK = 2000
_VALUES = ("score", "threshold", "model_version", "masked", "witness", "expected_per_week")
_COUNT_DAYS = text("""
INSERT INTO scored_day AS kept (stream_id, asset, day, hops)
SELECT stream_id, asset, (ts AT TIME ZONE 'UTC')::date, count(*) FROM score
 WHERE CAST(:stream_id AS integer) IS NULL OR stream_id = :stream_id GROUP BY 1, 2, 3
ON CONFLICT (stream_id, asset, day) DO UPDATE SET hops = greatest(kept.hops, excluded.hops)
""")


class ScorePoint(NamedTuple):
    """The score and threshold of the hop that ends at ``time_us``."""

    time_us: int
    score: float
    threshold: float


class ScoreRow(NamedTuple):
    """A stored score; ``masked`` are the sensors that were left out of it.

    ``expected_per_week`` is None in scores of older versions.
    """

    score: float
    threshold: float
    model_version: int
    masked: tuple[str, ...]
    witness: str
    expected_per_week: float | None


def write(connection: Connection, stream_id: int, records: Sequence[ScoreRecord]) -> None:
    """Store scores; a later score of the same asset and time, from a log read twice, replaces the earlier."""
    if not records:
        return
    rows = {(record.asset, record.ts): _values(stream_id, record) for record in records}
    partitions.ensure(connection, "score", {row["ts"].astimezone(UTC).date() for row in rows.values()})
    statement = insert(score)
    changed = {name: statement.excluded[name] for name in _VALUES}
    statement = statement.on_conflict_do_update(index_elements=["stream_id", "asset", "ts"], set_=changed)
    values = list(rows.values())
    for start in range(0, len(values), _CHUNK):
        connection.execute(statement, values[start : start + _CHUNK])


def read(
    connection: Connection, stream_id: int, asset: str, since_us: int, until_us: int
) -> list[ScorePoint]:
    """An asset's scores of a span in order of time; both ends are included."""
    query = (
        select(score.c.ts, score.c.score, score.c.threshold)
        .where(score.c.stream_id == stream_id, score.c.asset == asset)
        .where(score.c.ts.between(to_datetime(since_us), to_datetime(until_us)))
        .order_by(score.c.ts)
    )
    return [ScorePoint(to_us(row.ts), row.score, row.threshold) for row in connection.execute(query)]


def at(connection: Connection, stream_id: int, asset: str, time_us: int) -> ScoreRow | None:
    """The stored score of the hop that ends at ``time_us``; None where it is not stored."""
    query = select(*(score.c[name] for name in _VALUES)).where(
        score.c.stream_id == stream_id, score.c.asset == asset, score.c.ts == to_datetime(time_us)
    )
    row = connection.execute(query).first()
    return None if row is None else ScoreRow(**{**row._mapping, "masked": tuple(row.masked)})


def exist_within(connection: Connection, stream_id: int, asset: str, since_us: int, until_us: int) -> bool:
    """Whether an asset has stored scores in a span."""
    query = select(score.c.ts).where(score.c.stream_id == stream_id, score.c.asset == asset)
    span = score.c.ts.between(to_datetime(since_us), to_datetime(until_us))
    return connection.execute(query.where(span).limit(1)).first() is not None


def newest_at(connection: Connection, stream_id: int) -> datetime | None:
    """The end of the newest hop with a stored score; None where the stream has no score."""
    moment: datetime | None = connection.execute(
        select(func.max(score.c.ts)).where(score.c.stream_id == stream_id)
    ).scalar()
    return moment


def first_since_us(connection: Connection, stream_id: int, asset: str, since_us: int) -> int | None:
    """The time of an asset's first stored score from a time on; None where no score is stored."""
    query = select(score.c.ts).where(score.c.stream_id == stream_id, score.c.asset == asset)
    query = query.where(score.c.ts >= to_datetime(since_us)).order_by(score.c.ts).limit(1)
    moment = connection.execute(query).scalar()
    return None if moment is None else to_us(moment)


def version_since_us(
    connection: Connection, stream_id: int, asset: str, version: int, until_us: int
) -> int | None:
    """The time of the first stored score since which only ``version`` scored an asset, up to ``until_us``.

    None where ``version`` has no stored score after the last score of another version.
    """
    of_asset = select(score.c.ts).where(score.c.stream_id == stream_id, score.c.asset == asset)
    of_asset = of_asset.where(score.c.ts <= to_datetime(until_us))
    other = of_asset.where(score.c.model_version != version).order_by(score.c.ts.desc()).limit(1)
    last_other = connection.execute(other).scalar()
    own = of_asset.where(score.c.model_version == version).order_by(score.c.ts).limit(1)
    first = connection.execute(own if last_other is None else own.where(score.c.ts > last_other)).scalar()
    return None if first is None else to_us(first)


def count_days(connection: Connection, stream_id: int | None = None) -> None:
    """Store the number of scores of each asset and day, which outlives the day's scores.

    ``stream_id`` None counts all streams. A day that is counted again after some of its scores were dropped
    keeps the larger count.
    """
    connection.execute(_COUNT_DAYS, {"stream_id": stream_id})


def _values(stream_id: int, record: ScoreRecord) -> dict[str, Any]:
    return {
        "stream_id": stream_id,
        "asset": record.asset,
        "ts": datetime.fromisoformat(record.ts),
        "score": record.score,
        "threshold": record.threshold,
        "model_version": record.model_version,
        "masked": list(record.masked),
        "witness": record.witness,
        "expected_per_week": record.expected_per_week,
    }
