"""Schema migrations, from the wheel or from a checkout."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.pool import NullPool

import tfstream
from tfstream.errors import ServiceUnavailable, TfstreamError
from tfstream.storage.database import Database, parsed


def directory() -> Path:
    """Where the migrations are: inside the installed package, or beside it in a checkout."""
    package = Path(tfstream.__file__).parent
    for place in (package / "migrations", package.parent / "migrations"):
        if (place / "env.py").exists():
            return place
    raise TfstreamError("the migrations are missing from this installation; install tfstream again")


def upgrade(url: str, revision: str = "head") -> None:
    """:raises ServiceUnavailable: when the database cannot be reached."""
    with Database(url).begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def downgrade(url: str, revision: str) -> None:
    """:raises ServiceUnavailable: when the database cannot be reached."""
    with Database(url).begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def current(url: str) -> str | None:
    """The schema's revision; None for an empty database.

    :raises ServiceUnavailable: when the database cannot be reached.
    """
    engine = create_engine(parsed(url), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except (OperationalError, InterfaceError) as error:
        detail = str(error.orig).strip().splitlines()[0]
        raise ServiceUnavailable(
            f"PostgreSQL at {Database(url).place} cannot be used ({detail}); is it running?"
        ) from None


def head() -> str:
    """The revision that this program needs."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    assert found is not None
    return found


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(directory()).replace("%", "%%"))
    return config
