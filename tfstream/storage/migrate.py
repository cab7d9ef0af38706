"""Schema migrations, read from the installed package or from a checkout."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

import tfstream
from tfstream.errors import ConfigurationError, TfstreamError
from tfstream.storage.database import Database

_LOCK = 0x7F57A3  # one migration of a database at a time


def directory() -> Path:
    """The folder of the migrations: inside the installed package, or beside it in a checkout.

    :raises TfstreamError: when the installation has no migrations.
    """
    package = Path(tfstream.__file__).parent
    for folder in (package / "migrations", package.parent / "migrations"):
        if (folder / "env.py").exists():
            return folder
    raise TfstreamError("the migrations are missing from this installation; install tfstream again")


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the schema to a revision; processes that do so at the same time wait for each other.

    :raises ServiceUnavailable: when the database cannot be reached.
    :raises ConfigurationError: when a newer tfstream made the schema, or a right is missing.
    """
    with _transaction(url) as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        require_known(_revision(connection))
        command.upgrade(_config(connection), revision)


def downgrade(url: str, revision: str) -> None:
    """Take the schema back to a revision.

    :raises ServiceUnavailable: when the database cannot be reached.
    """
    with _transaction(url) as connection:
        command.downgrade(_config(connection), revision)


def current(url: str) -> str | None:
    """The schema's revision; None for an empty database.

    :raises ServiceUnavailable: when the database cannot be reached.
    """
    with _transaction(url) as connection:
        return _revision(connection)


def head() -> str:
    """The revision that this program needs."""
    revision = _scripts().get_current_head()
    assert revision is not None
    return revision


def require_current(database: Database) -> None:
    """Check the schema's revision.

    :raises ConfigurationError: when it is not the revision that this program needs.
    """
    with database.begin() as connection:
        revision = _revision(connection)
    if revision != head():
        require_known(revision)
        raise ConfigurationError(
            f"the schema of {database.address} is at {revision or 'nothing'} and {head()} is needed; "
            f"run `tfstream db upgrade`"
        )


def require_known(revision: str | None) -> None:
    """Check that this program knows a revision; None, an empty database, is known.

    :raises ConfigurationError: when it does not.
    """
    if revision is not None and revision not in {script.revision for script in _scripts().walk_revisions()}:
        raise ConfigurationError(
            f"the schema is at {revision}, which this tfstream does not know; "
            f"use the version of tfstream that made the schema, or a newer version"
        )


@contextmanager
def _transaction(url: str) -> Iterator[Connection]:
    with closing(Database(url)) as database, database.begin() as connection:
        yield connection


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(directory()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
