"""The addresses of the services: environment variables first, then a TOML file.

``SETTINGS`` lists every setting that is not an option of a command; ``docs/settings.md`` is made from it.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from tfstream.errors import ConfigurationError

_KAFKA_PREFIX = "TFSTREAM_KAFKA_"
_DEFAULT_FILE = Path("tfstream.toml")


class Setting(NamedTuple):
    """An environment variable, its key in the configuration file ("" for none), default and meaning."""

    variable: str
    key: str
    default: str
    meaning: str


CONFIG = Setting(
    "TFSTREAM_CONFIG", "", f"{_DEFAULT_FILE} in the current folder", "Path of the configuration file (TOML)."
)
DATABASE_URL = Setting(
    "TFSTREAM_DATABASE_URL",
    "database_url",
    "",
    "Address of PostgreSQL: postgresql://user:password@host:5432/name.",
)
BOOTSTRAP_SERVERS = Setting(
    f"{_KAFKA_PREFIX}BOOTSTRAP_SERVERS",
    '[kafka] "bootstrap.servers"',
    "",
    "Addresses of Kafka's brokers, separated by commas: kafka-1:9092,kafka-2:9092.",
)
KAFKA_PROPERTY = Setting(
    f"{_KAFKA_PREFIX}<PROPERTY>",
    '[kafka] "<property>"',
    "librdkafka's own",
    "Any other property of librdkafka, in capitals, with underscores for dots: security.protocol is "
    f"{_KAFKA_PREFIX}SECURITY_PROTOCOL.",
)
SETTINGS = (CONFIG, DATABASE_URL, BOOTSTRAP_SERVERS, KAFKA_PROPERTY)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The addresses and properties of the services; its text never shows a secret."""

    database_url: str | None = field(default=None, repr=False)
    kafka: Mapping[str, str] = field(default_factory=dict, repr=False)

    def require_database(self) -> str:
        """:raises ConfigurationError: when no database is configured."""
        if not self.database_url:
            raise ConfigurationError(
                f"no database is configured: set {DATABASE_URL.variable} (postgresql://user:password@host:5432/name)"
            )
        return self.database_url

    def require_kafka(self) -> Mapping[str, str]:
        """:raises ConfigurationError: when no Kafka is configured."""
        if not self.kafka.get("bootstrap.servers"):
            raise ConfigurationError(f"no Kafka is configured: set {BOOTSTRAP_SERVERS.variable} (host:9092)")
        return self.kafka

    def with_services(self, *, database_url: str, kafka: Mapping[str, str]) -> Settings:
        """The same settings with the addresses of services that tfstream has started."""
        return replace(self, database_url=database_url, kafka={**self.kafka, **kafka})


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of the environment, and those of the optional file that the environment does not set.

    :raises ConfigurationError: when TFSTREAM_CONFIG names a missing file, or the file cannot be read or has
        an unknown setting.
    """
    document = _read_file(environment.get(CONFIG.variable))
    unknown = set(document) - {DATABASE_URL.key, "kafka"}
    if unknown:
        raise ConfigurationError(f"the configuration file has unknown settings: {', '.join(sorted(unknown))}")
    kafka = {name: str(value) for name, value in document.get("kafka", {}).items()}
    kafka.update(
        (name.removeprefix(_KAFKA_PREFIX).lower().replace("_", "."), value)
        for name, value in environment.items()
        if name.startswith(_KAFKA_PREFIX) and value
    )
    url = environment.get(DATABASE_URL.variable) or document.get(DATABASE_URL.key)
    return Settings(database_url=url, kafka=kafka)


def _read_file(named: str | None) -> dict[str, Any]:
    path = Path(named) if named else _DEFAULT_FILE
    if not path.exists():
        if named:
            raise ConfigurationError(f"the configuration file {named} ({CONFIG.variable}) does not exist")
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"the configuration file {path} cannot be read: {error}") from None
