"""``tfstream db``: the schema of the database and its partitions."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer

from tfstream import config
from tfstream.app.runtime.human_units import counted
from tfstream.cli.options.parse import now_us
from tfstream.cli.options.shared import Json
from tfstream.cli.output.printing import print_json, print_status, print_table
from tfstream.storage import exclusions, migrate, partitions, scores
from tfstream.storage.database import Connection
from tfstream.wiring import open_database

app = typer.Typer(no_args_is_help=True, help="Set up and maintain the database: schema, partitions.")

_TABLES = ("reading", "score")

Ahead = Annotated[int, typer.Option(help="Number of days after today to create partitions for.", min=0)]
Keep = Annotated[
    int | None,
    typer.Option(help="Drop readings and scores older than this number of days; without it, none.", min=1),
]


@app.command()
def upgrade() -> None:
    """Upgrade the database schema to the version that this tfstream needs.

    Run it once for a new database, and before each new version of tfstream.
    """
    url = config.load().require_database()
    before = migrate.current(url)
    migrate.upgrade(url)
    after = migrate.current(url)
    print_status(
        f"schema at {after}" if before == after else f"schema moved from {before or 'nothing'} to {after}"
    )


@app.command()
def current(as_json: Json = False) -> None:
    """Show the version of the database schema and the version that this tfstream needs."""
    versions = {"current": migrate.current(config.load().require_database()), "needed": migrate.head()}
    if as_json:
        print_json(versions)
    else:
        print_table(("current", "needed"), [tuple(versions.values())], empty="")


@app.command("partitions")
def partitions_(ahead: Ahead = 7, keep: Keep = None, as_json: Json = False) -> None:
    """Create the daily partitions of the coming days, drop old partitions, and list all.

    Run it daily.
    Writers create a missing partition themselves, but then they have to wait for it.
    It also stores the coming occurrences of exclusions, and counts how long each asset was scored each day.
    """
    with open_database(config.load()).begin() as connection:
        exclusions.extend_spans(connection, now_us())
        scores.count_days(connection)
        _ensure_and_drop(connection, ahead, keep)
        rows = [(table, name) for table in _TABLES for name in partitions.list_all(connection, table)]
    if as_json:
        print_json([{"table": table, "partition": name} for table, name in rows])
    else:
        print_table(("table", "partition"), rows, empty="no partitions yet")


def _ensure_and_drop(connection: Connection, ahead: int, keep: int | None) -> None:
    """Create the partitions of today and ``ahead`` days after it; drop those older than ``keep`` days."""
    today = datetime.now(UTC).date()
    for table in _TABLES:
        partitions.ensure(connection, table, [_days_after(today, day) for day in range(ahead + 1)])
        if keep is not None:
            dropped = partitions.drop_before(connection, table, _days_after(today, -keep))
            print_status(
                f"{table}: dropped {counted(len(dropped), 'partition')} older than {counted(keep, 'day')}"
            )


def _days_after(day: date, days: int) -> date:
    return day + timedelta(days=days)
