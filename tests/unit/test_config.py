"""Settings from the environment and from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfstream import config
from tfstream.errors import ConfigurationError


def test_settings_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = config.load(
        {
            "TFSTREAM_DATABASE_URL": "postgresql://user:secret@db/x",
            "TFSTREAM_KAFKA_BOOTSTRAP_SERVERS": "k:9092",
            "TFSTREAM_KAFKA_SASL_PASSWORD": "secret",
        }
    )
    assert settings.require_kafka() == {"bootstrap.servers": "k:9092", "sasl.password": "secret"}
    assert "secret" not in repr(settings)


def test_settings_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('database_url = "postgresql://a/b"\n[kafka]\n"bootstrap.servers" = "k:1"\n')
    settings = config.load({"TFSTREAM_CONFIG": str(path), "TFSTREAM_KAFKA_BOOTSTRAP_SERVERS": "other:1"})
    assert settings.require_database() == "postgresql://a/b"
    assert settings.require_kafka()["bootstrap.servers"] == "other:1"  # the environment wins


@pytest.mark.parametrize("text", ["database_url = ", "surprise = 1"])
def test_a_wrong_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError):
        config.load({"TFSTREAM_CONFIG": str(path)})
    with pytest.raises(ConfigurationError, match="nowhere"):
        config.load({"TFSTREAM_CONFIG": "nowhere.toml"})


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(ConfigurationError, match="TFSTREAM_DATABASE_URL"):
        config.Settings().require_database()
    with pytest.raises(ConfigurationError, match="TFSTREAM_KAFKA_BOOTSTRAP_SERVERS"):
        config.Settings().require_kafka()
