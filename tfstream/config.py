"""Where the services are: environment variables first, then a TOML file.

``TFSTREAM_DATABASE_URL``, ``TFSTREAM_KAFKA_BOOTSTRAP_SERVERS`` and any other librdkafka property as
``TFSTREAM_KAFKA_<PROPERTY_WITH_UNDERSCORES>``. The file is ``TFSTREAM_CONFIG`` or ``tfstream.toml`` in the
current folder, with ``database_url = "…"`` and a ``[kafka]`` table of librdkafka properties.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tfstream.errors import ConfigurationError

_KAFKA_PREFIX = "TFSTREAM_KAFKA_"
_DEFAULT_FILE = Path("tfstream.toml")


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The services' addresses; printing it never shows a secret."""

    database_url: str | None = field(default=None, repr=False)
    kafka: Mapping[str, str] = field(default_factory=dict, repr=False)

    def require_database(self) -> str:
        if not self.database_url:
            raise ConfigurationError(
                "no database is configured: set TFSTREAM_DATABASE_URL (postgresql://user:password@host:5432/name)"
            )
        return self.database_url

    def require_kafka(self) -> Mapping[str, str]:
        if not self.kafka.get("bootstrap.servers"):
            raise ConfigurationError(
                "no Kafka is configured: set TFSTREAM_KAFKA_BOOTSTRAP_SERVERS (host:9092)"
            )
        return self.kafka

    def with_services(self, *, database_url: str, kafka: Mapping[str, str]) -> Settings:
        """The same settings with services that were started in the meantime."""
        return replace(self, database_url=database_url, kafka={**self.kafka, **kafka})


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment and the optional file.

    :raises ConfigurationError: when the named file is missing, unreadable or holds unknown settings.
    """
    document = _read_file(environment.get("TFSTREAM_CONFIG"))
    unknown = set(document) - {"database_url", "kafka"}
    if unknown:
        raise ConfigurationError(f"the configuration file has unknown settings: {', '.join(sorted(unknown))}")
    kafka = {name: str(value) for name, value in document.get("kafka", {}).items()}
    kafka.update(
        (name.removeprefix(_KAFKA_PREFIX).lower().replace("_", "."), value)
        for name, value in environment.items()
        if name.startswith(_KAFKA_PREFIX) and value
    )
    url = environment.get("TFSTREAM_DATABASE_URL") or document.get("database_url")
    return Settings(database_url=url, kafka=kafka)


def _read_file(named: str | None) -> dict[str, Any]:
    path = Path(named) if named else _DEFAULT_FILE
    if not path.exists():
        if named:
            raise ConfigurationError(f"the configuration file {named} (TFSTREAM_CONFIG) does not exist")
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"the configuration file {path} cannot be read: {error}") from None
