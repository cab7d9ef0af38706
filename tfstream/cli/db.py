"""``tfstream db``: the schema and its partitions."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer

from tfstream import config
from tfstream.cli.options import Json
from tfstream.cli.output import now_us, print_json, print_table, say
from tfstream.storage import exclusions, migrate, partitions, scores
from tfstream.wiring import open_database

app = typer.Typer(help="Migrations and partitions of the database.", no_args_is_help=True)


@app.command()
def upgrade() -> None:
    """Bring the schema to the version that this tfstream needs."""
    url = config.load().require_database()
    before = migrate.current(url)
    migrate.upgrade(url)
    after = migrate.current(url)
    say(f"schema at {after}" if before == after else f"schema moved from {before or 'nothing'} to {after}")


@app.command()
def current(as_json: Json = False) -> None:
    """Show the schema's version and the one this tfstream needs."""
    found = {"current": migrate.current(config.load().require_database()), "needed": migrate.head()}
    if as_json:
        print_json(found)
    else:
        print_table(("current", "needed"), [tuple(found.values())], empty="")


@app.command("partitions")
def partitions_(
    ahead: Annotated[int, typer.Option(help="Make the partitions of so many days ahead.", min=0)] = 7,
    keep: Annotated[
        int | None, typer.Option(help="Drop readings and scores older than so many days.", min=1)
    ] = None,
    as_json: Json = False,
) -> None:
    """Make day partitions ahead of time, drop old ones, and list what there is.

    Writers make a missing partition themselves; making them ahead keeps that out of their way. Occurrences of
    exclusions are written ahead, too, and how long each asset was watched on every day is counted.
    """
    database = open_database(config.load())
    today = datetime.now(UTC).date()
    with database.begin() as connection:
        exclusions.extend_spans(connection, now_us())
        scores.count_days(connection)
        for table in ("reading", "score"):
            partitions.ensure(connection, table, [today + timedelta(days=day) for day in range(ahead + 1)])
            if keep is not None:
                dropped = partitions.drop_before(connection, table, _days_before(today, keep))
                say(f"{table}: dropped {len(dropped)} partitions older than {keep} days")
        found = [
            (table, name) for table in ("reading", "score") for name in partitions.list_all(connection, table)
        ]
    if as_json:
        print_json([{"table": table, "partition": name} for table, name in found])
    else:
        print_table(("table", "partition"), found, empty="no partitions yet")


def _days_before(today: date, days: int) -> date:
    return today - timedelta(days=days)
