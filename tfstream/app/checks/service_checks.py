"""Checks of the services: Kafka, the database and its schema."""

from __future__ import annotations

from tfstream.app.checks.check_context import CheckContext, CheckSkipped
from tfstream.storage import migrate
from tfstream.storage.database import Database, server_version
from tfstream.streaming.connection.cluster import broker_count


def kafka(context: CheckContext) -> str:
    """Kafka answers."""
    properties = context.settings.require_kafka()
    brokers = broker_count(properties, timeout_s=5.0)
    context.kafka = True
    return f"{brokers} broker{'s' if brokers != 1 else ''} at {properties['bootstrap.servers']}"


def database(context: CheckContext) -> str:
    """The database answers."""
    database = Database(context.settings.require_database())
    with database.begin() as connection:
        version = server_version(connection)
    context.database = database
    return f"PostgreSQL {version} at {database.address}"


def migrations(context: CheckContext) -> str:
    """The schema is the one that this program needs; otherwise later checks skip the database."""
    database, context.database = context.database, None
    if database is None:
        raise CheckSkipped("the database")
    migrate.require_current(database)
    context.database = database
    return f"schema at {migrate.head()}"
