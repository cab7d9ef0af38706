"""What every refit did, whether it succeeded or not."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import Connection, func, insert, update

from tfstream.storage.moments import to_datetime
from tfstream.storage.tables import training_run

Outcome = Literal["promoted", "candidate", "rejected", "failed"]


def start(
    connection: Connection, stream_id: int, *, trained_from_us: int | None, trained_until_us: int | None
) -> int:
    """Note that a refit has begun; returns the run's id."""
    values = {
        "stream_id": stream_id,
        "trained_from": None if trained_from_us is None else to_datetime(trained_from_us),
        "trained_until": None if trained_until_us is None else to_datetime(trained_until_us),
    }
    begun = insert(training_run).values(values).returning(training_run.c.id)
    return int(connection.execute(begun).scalar_one())


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
    """Note how it ended."""
    values: dict[str, Any] = {"outcome": outcome, "reason": reason, "finished_at": func.now()}
    values |= {"model_version": model_version, "rows": rows, "metrics": metrics}
    if trained_from_us is not None:
        values["trained_from"] = to_datetime(trained_from_us)
    if trained_until_us is not None:
        values["trained_until"] = to_datetime(trained_until_us)
    connection.execute(update(training_run).where(training_run.c.id == run).values(values))
