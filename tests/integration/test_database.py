"""What the database's errors mean to a user, and that none of them tells a password."""

from __future__ import annotations

from contextlib import closing
from datetime import date

import pytest
from sqlalchemy import text

from tests.integration import examples
from tests.integration.commands import wait_until
from tests.integration.connections import acting_as, transaction
from tfstream.embedded.process import free_port
from tfstream.errors import BadData, ConfigurationError, ServiceUnavailable
from tfstream.storage import migrate, partitions, readings, streams
from tfstream.storage.database import Database, parse_url

pytestmark = pytest.mark.postgres

SECRET = "geheim-4711"


def test_a_server_that_is_not_there() -> None:
    place = f"127.0.0.1:{free_port()}/tfstream"
    url = f"postgresql://tfstream:{SECRET}@{place}"
    for use in (list_streams, migrate.current, migrate.upgrade):
        with pytest.raises(ServiceUnavailable, match=f"PostgreSQL at {place} cannot be used") as told:
            use(url)
        assert SECRET not in str(told.value)


def test_a_database_that_is_not_there(database_url: str) -> None:
    missing = database_url + "_missing"
    name = missing.rpartition("/")[2]
    for use in (list_streams, migrate.current):
        with pytest.raises(ServiceUnavailable, match=f'database "{name}" does not exist'):
            use(missing)


def test_a_connection_that_breaks_is_told_and_replaced(database: Database) -> None:
    def lose() -> None:
        with database.begin() as connection, database.begin() as another:
            server = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            another.execute(text("SELECT pg_terminate_backend(:server, 5000)"), {"server": server})
            examples.add_stream(connection)

    with pytest.raises(ServiceUnavailable, match="is it running"):
        lose()
    with database.begin() as connection:
        assert streams.find(connection, examples.TOPIC) is None


def test_a_transaction_that_the_server_gave_up(database: Database, database_url: str) -> None:
    def alive(server: int) -> bool:
        with transaction(database_url) as another:
            found = another.execute(text("SELECT 1 FROM pg_stat_activity WHERE pid = :pid"), {"pid": server})
            return found.first() is not None

    def idle() -> None:
        with database.begin() as connection:
            server = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '1ms'"))
            wait_until(lambda: not alive(server), "the server ended the session", timeout_s=20.0)
            examples.add_stream(connection)

    with pytest.raises(ServiceUnavailable, match="is it running"):
        idle()


def test_a_connection_that_broke_while_nobody_used_it_is_replaced(
    database: Database, database_url: str
) -> None:
    with database.begin() as connection:
        server = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with transaction(database_url) as another:
        another.execute(text("SELECT pg_terminate_backend(:server, 5000)"), {"server": server})
    with database.begin() as connection:
        assert streams.list_all(connection) == []


def test_a_table_that_is_not_there(database: Database) -> None:
    with database.begin() as connection:
        stream_id = examples.add_stream(connection)
        connection.execute(text("DROP TABLE reading CASCADE"))

    def write() -> None:
        with database.begin() as connection:
            readings.write(connection, stream_id, ["a"], examples.times(0), examples.cells([1, 2, 3]))

    with pytest.raises(ConfigurationError, match=r'"reading" does not exist; run `tfstream db upgrade`'):
        write()


def test_a_right_that_is_missing(database: Database, database_url: str) -> None:
    """Through SQLAlchemy and through a COPY, which goes past it."""
    with database.begin() as connection:
        stream_id = examples.add_stream(connection)
        partitions.ensure(connection, "reading", [date(2026, 1, 5)])

    def add() -> None:
        with transaction(reader_url) as connection:
            examples.add_stream(connection, "other.sensors")

    def copy() -> None:
        with transaction(reader_url) as connection:
            readings.write(connection, stream_id, ["a"], examples.times(0), examples.cells([1, 2, 3]))

    reader_url = acting_as(database_url, "tfstream_read")
    for use in (add, copy):
        with pytest.raises(ConfigurationError, match=r"permission denied.*grant the role tfstream_write"):
            use()


def test_a_schema_that_may_not_be_looked_at(database: Database, database_url: str) -> None:
    with database.begin() as connection:
        connection.execute(text("REVOKE ALL ON alembic_version FROM tfstream_read"))
    with pytest.raises(ConfigurationError, match="permission denied for table alembic_version"):
        migrate.current(acting_as(database_url, "tfstream_read"))


def test_a_value_that_postgres_cannot_hold(database: Database) -> None:
    with pytest.raises(BadData, match="refuses a value"), database.begin() as connection:
        examples.add_stream(connection, "plant\x00sensors")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"tfstream:{SECRET}@db", "cannot be read; write postgresql://"),
        (f"postgresql://tfstream:{SECRET}@db:port/tfstream", "cannot be read; write postgresql://"),
        (f"mysql://tfstream:{SECRET}@db/tfstream", "is for mysql; tfstream needs postgresql://"),
    ],
)
def test_a_url_that_makes_no_sense(url: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as told:
        Database(url)
    assert SECRET not in str(told.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_url_is_taken_in_its_usual_spellings(database_url: str, scheme: str) -> None:
    with transaction(scheme + database_url[database_url.index("://") :]) as connection:
        assert streams.list_all(connection) == []


def test_a_dead_host_is_given_up_whatever_else_the_url_asks_for() -> None:
    for query, timeout_s in {"": "10", "?sslmode=require": "10", "?connect_timeout=3": "3"}.items():
        assert parse_url(f"postgresql://db/x{query}").query["connect_timeout"] == timeout_s


def test_the_place_has_no_password() -> None:
    with closing(Database(f"postgresql://tfstream:{SECRET}@db:6543/plant")) as database:
        assert database.address == "db:6543/plant"
    with closing(Database("postgresql:///plant")) as database:
        assert database.address == "localhost:5432/plant"


def list_streams(url: str) -> None:
    with transaction(url) as connection:
        streams.list_all(connection)
