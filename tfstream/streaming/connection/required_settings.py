"""Kafka settings without which librdkafka would wait for ever, or fail with a text that names no cause."""

from __future__ import annotations

import os

from tfstream.errors import ConfigurationError
from tfstream.streaming.connection.properties import Properties


def check_settings(properties: Properties) -> None:
    """:raises ConfigurationError: when a setting is missing, or names a file that cannot be read."""
    _require_token_source(properties)
    _require_files(properties)


def _require_token_source(properties: Properties) -> None:
    """Without a source of tokens librdkafka waits for a token for ever and logs nothing."""
    mechanism = properties.get("sasl.mechanism") or properties.get("sasl.mechanisms", "")
    unsecured = properties.get("enable.sasl.oauthbearer.unsecure.jwt") == "true"
    if mechanism != "OAUTHBEARER" or unsecured or properties.get("sasl.oauthbearer.method") == "oidc":
        return
    raise ConfigurationError(
        "a Kafka setting is missing: SASL mechanism OAUTHBEARER needs sasl.oauthbearer.method=oidc with "
        "sasl.oauthbearer.token.endpoint.url, sasl.oauthbearer.client.id and sasl.oauthbearer.client.secret"
    )


def _require_files(properties: Properties) -> None:
    """OpenSSL's error for a missing file does not name the file."""
    for name, path in properties.items():
        if name.endswith(".location") and path != "probe" and not os.access(path, os.R_OK):
            raise ConfigurationError(f"a Kafka setting is wrong: {name} is {path}, which cannot be read")
