"""Each error of the database becomes an error that a user understands, without the password."""

from __future__ import annotations

from contextlib import closing
from datetime import date

import pytest
from sqlalchemy import text

from tests.integration.support import examples
from tests.integration.support.commands import wait_until
from tests.integration.support.connections import acting_as, transaction
from tfstream.embedded.process import free_port
from tfstream.errors import BadData, ConfigurationError, ServiceUnavailable
from tfstream.storage import migrate, partitions, readings, streams
from tfstream.storage.database import Database, parse_url

pytestmark = pytest.mark.postgres

SECRET = "geheim-4711"


def test_an_unreachable_server_is_named_without_the_password() -> None:
    address = f"127.0.0.1:{free_port()}/tfstream"
    url = f"postgresql://tfstream:{SECRET}@{address}"
    for use in (list_streams, migrate.current, migrate.upgrade):
        with pytest.raises(ServiceUnavailable, match=f"PostgreSQL at {address} cannot be used") as error:
            use(url)
        assert SECRET not in str(error.value)


def test_a_missing_database_is_named(database_url: str) -> None:
    missing = database_url + "_missing"
    name = missing.rpartition("/")[2]
    for use in (list_streams, migrate.current):
        with pytest.raises(ServiceUnavailable, match=f'database "{name}" does not exist'):
            use(missing)


def test_a_broken_connection_raises_and_is_replaced(database: Database) -> None:
    def break_connection() -> None:
        with database.begin() as connection, database.begin() as another:
            server = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            another.execute(text("SELECT pg_terminate_backend(:server, 5000)"), {"server": server})
            examples.add_stream(connection)

    with pytest.raises(ServiceUnavailable, match="is it running"):
        break_connection()
    with database.begin() as connection:
        assert streams.find(connection, examples.TOPIC) is None


def test_a_session_that_the_server_ends_raises(database: Database, database_url: str) -> None:
    def session_exists(server: int) -> bool:
        with transaction(database_url) as another:
            sessions = another.execute(
                text("SELECT 1 FROM pg_stat_activity WHERE pid = :pid"), {"pid": server}
            )
            return sessions.first() is not None

    def stay_idle() -> None:
        with database.begin() as connection:
            server = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '1ms'"))
            wait_until(lambda: not session_exists(server), "the server ended the session", timeout_s=20.0)
            examples.add_stream(connection)

    with pytest.raises(ServiceUnavailable, match="is it running"):
        stay_idle()


def test_a_connection_that_broke_while_idle_is_replaced(database: Database, database_url: str) -> None:
    with database.begin() as connection:
        server = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with transaction(database_url) as another:
        another.execute(text("SELECT pg_terminate_backend(:server, 5000)"), {"server": server})
    with database.begin() as connection:
        assert streams.list_all(connection) == []


def test_a_missing_table_calls_for_an_upgrade(database: Database) -> None:
    with database.begin() as connection:
        stream_id = examples.add_stream(connection)
        connection.execute(text("DROP TABLE reading CASCADE"))

    def write() -> None:
        with database.begin() as connection:
            readings.write(connection, stream_id, ["a"], examples.times(0), examples.cells([1, 2, 3]))

    with pytest.raises(ConfigurationError, match=r'"reading" does not exist; run `tfstream db upgrade`'):
        write()


def test_a_missing_right_names_the_role_to_grant(database: Database, database_url: str) -> None:
    """For statements of SQLAlchemy and for COPY, which bypasses SQLAlchemy."""
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


def test_an_unreadable_schema_version_raises(database: Database, database_url: str) -> None:
    with database.begin() as connection:
        connection.execute(text("REVOKE ALL ON alembic_version FROM tfstream_read"))
    with pytest.raises(ConfigurationError, match="permission denied for table alembic_version"):
        migrate.current(acting_as(database_url, "tfstream_read"))


def test_a_value_that_postgres_refuses_is_bad_data(database: Database) -> None:
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
def test_an_invalid_url_is_refused_without_the_password(url: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as error:
        Database(url)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_the_usual_url_schemes_are_accepted(database_url: str, scheme: str) -> None:
    with transaction(scheme + database_url[database_url.index("://") :]) as connection:
        assert streams.list_all(connection) == []


def test_every_url_has_a_connect_timeout() -> None:
    for query, timeout_s in {"": "10", "?sslmode=require": "10", "?connect_timeout=3": "3"}.items():
        assert parse_url(f"postgresql://db/x{query}").query["connect_timeout"] == timeout_s


def test_the_address_has_no_password() -> None:
    with closing(Database(f"postgresql://tfstream:{SECRET}@db:6543/plant")) as database:
        assert database.address == "db:6543/plant"
    with closing(Database("postgresql:///plant")) as database:
        assert database.address == "localhost:5432/plant"


def list_streams(url: str) -> None:
    with transaction(url) as connection:
        streams.list_all(connection)
