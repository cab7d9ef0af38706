"""The history of refits, successful or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Select, func, insert, select, update

from tfstream.storage.datetimes import to_datetime
from tfstream.storage.tables import stream, training_run

Outcome = Literal["promoted", "candidate", "rejected", "failed", "interrupted"]
_INTERRUPTED = "the process ended before the refit did"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRow:
    """One refit; ``outcome`` and ``took`` are None while it runs."""

    topic: str
    started_at: datetime
    took: timedelta | None
    outcome: str | None
    reason: str | None
    model_version: int | None
    rows: int | None
    trained_from: datetime | None
    trained_until: datetime | None


def start(
    connection: Connection, stream_id: int, *, trained_from_us: int | None, trained_until_us: int | None
) -> int:
    """Record that a refit has begun; returns the run's id."""
    values = {
        "stream_id": stream_id,
        "trained_from": None if trained_from_us is None else to_datetime(trained_from_us),
        "trained_until": None if trained_until_us is None else to_datetime(trained_until_us),
    }
    statement = insert(training_run).values(values).returning(training_run.c.id)
    return int(connection.execute(statement).scalar_one())


def finish(
    connection: Connection,
    run: int,
    *,
    outcome: Outcome,
    reason: str | None,
    model_version: int | None = None,
    rows: int | None = None,
    trained_from_us: int | None = None,
    trained_until_us: int | None = None,
    metrics: dict[str, Any] | None = None,
) -> None:
    """Record how a refit ended; a refit that has ended keeps its outcome.

    A signal may interrupt the process after the outcome was stored: that must not turn it into a failure.
    """
    values: dict[str, Any] = {"outcome": outcome, "reason": reason, "finished_at": func.now()}
    values |= {"model_version": model_version, "rows": rows, "metrics": metrics}
    if trained_from_us is not None:
        values["trained_from"] = to_datetime(trained_from_us)
    if trained_until_us is not None:
        values["trained_until"] = to_datetime(trained_until_us)
    unfinished = update(training_run).where(training_run.c.id == run, training_run.c.outcome.is_(None))
    connection.execute(unfinished.values(values))


def close_interrupted(connection: Connection, stream_id: int) -> int:
    """Close the runs that an ended process left open; returns their number.

    Only the holder of the stream's training lock may call this.
    """
    unfinished = update(training_run).where(
        training_run.c.stream_id == stream_id, training_run.c.outcome.is_(None)
    )
    return connection.execute(
        unfinished.values(outcome="interrupted", reason=_INTERRUPTED, finished_at=func.now())
    ).rowcount


def latest_starts(connection: Connection) -> dict[int, datetime]:
    """The start of each stream's newest refit that was not interrupted, by the stream's id."""
    ended = training_run.c.outcome != "interrupted"
    return dict(connection.execute(_latest(training_run.c.started_at).where(ended)).all())


def interruptions(connection: Connection, ended: Mapping[int, datetime]) -> dict[int, list[datetime]]:
    """The starts of each stream's interrupted refits after its newest uninterrupted start, ``ended``.

    By the stream's id, in order of time; ``ended`` as :func:`latest_starts` returns it.
    """
    starts: dict[int, list[datetime]] = {}
    query = select(training_run.c.stream_id, training_run.c.started_at).where(
        training_run.c.outcome == "interrupted"
    )
    for stream_id, started in connection.execute(query.order_by(training_run.c.started_at)):
        if stream_id not in ended or started > ended[stream_id]:
            starts.setdefault(stream_id, []).append(started)
    return starts


def _latest(column: Any) -> Select[Any]:
    return select(training_run.c.stream_id, func.max(column)).group_by(training_run.c.stream_id)


def list_all(connection: Connection, *, stream_id: int | None, limit: int) -> list[RunRow]:
    """Refits, newest first."""
    run = training_run.c
    took = (run.finished_at - run.started_at).label("took")
    query = (
        select(
            stream.c.topic,
            took,
            *(getattr(run, name) for name in RunRow.__dataclass_fields__ if name not in ("topic", "took")),
        )
        .join(stream, stream.c.id == run.stream_id)
        .order_by(run.started_at.desc(), run.id.desc())
        .limit(limit)
    )
    if stream_id is not None:
        query = query.where(run.stream_id == stream_id)
    return [RunRow(**row._mapping) for row in connection.execute(query)]
