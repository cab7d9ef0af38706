"""Alembic's entry point: runs in the transaction of the connection that tfstream passes."""

from __future__ import annotations

from typing import Any

from alembic import context

from tfstream.storage.tables import metadata


def include_object(item: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
    """Leave day partitions out of the comparison: they are not part of the schema."""
    return not (kind == "table" and reflected and name and name.rpartition("_")[2].isdigit())


connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("run migrations through `tfstream db upgrade`")

context.configure(
    connection=connection,
    target_metadata=metadata,
    include_object=include_object,
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
