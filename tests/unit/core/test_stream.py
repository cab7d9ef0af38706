"""Stream definitions, times and settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfstream import config
from tfstream.cli.output import pretty_duration
from tfstream.cli.parse import parse_duration_us, parse_moment_us
from tfstream.core.messages.anomaly_event import EventKind, anomaly_id, from_iso, iso
from tfstream.core.messages.timestamp import read_auto, time_reader
from tfstream.core.reading import InvalidReading
from tfstream.core.stream import StreamDefinition, TimeUnit
from tfstream.errors import ConfigurationError, UsageError

NOON_US = 1_767_614_400_000_000


@pytest.mark.parametrize(
    "raw",
    [
        "2026-01-05T12:00:00Z",
        "2026-01-05 12:00:00",
        "2026-01-05T13:00:00+01:00",
        "1767614400",
        1767614400,
        1767614400.0,
        1767614400_000,
        1767614400_000_000,
        1767614400_000_000_000,
    ],
)
def test_times_in_every_form(raw: str | float) -> None:
    assert read_auto(raw) == NOON_US


@pytest.mark.parametrize("raw", ["soon", "", None, -1, float("nan"), float("inf"), 10**400, "1e999"])
def test_times_that_are_none(raw: str | float | None) -> None:
    with pytest.raises(InvalidReading):
        read_auto(raw)


def test_a_named_unit_is_not_guessed() -> None:
    assert time_reader(TimeUnit.SECONDS)(5) == 5_000_000
    assert time_reader(TimeUnit.NANOSECONDS)(5_000) == 5
    with pytest.raises(InvalidReading):
        time_reader(TimeUnit.ISO)(5)


def test_iso_round_trip() -> None:
    assert iso(NOON_US) == "2026-01-05T12:00:00Z"
    assert from_iso(iso(NOON_US + 1)) == NOON_US + 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"sensors": ()},
        {"sensors": ("a", "a")},
        {"interval_us": 0},
        {"lateness_us": -1},
        {"min_duration_us": -1},
        {"alarm_budget_per_week": 0.0},
        {"alarm_budget_per_week": float("inf")},
        {"topic": ""},
    ],
)
def test_definitions_that_make_no_sense(wrong: dict[str, object]) -> None:
    fields: dict[str, object] = {"topic": "t", "sensors": ("a",), "interval_us": 1, **wrong}
    with pytest.raises(ConfigurationError):
        StreamDefinition(**fields)  # type: ignore[arg-type]


def test_definitions_survive_json() -> None:
    definition = StreamDefinition(topic="t", sensors=("a", "ü"), interval_us=7, time_unit=TimeUnit.RECORD)
    assert StreamDefinition.from_json(definition.to_json()) == definition


def test_an_anomaly_has_one_id() -> None:
    process = anomaly_id("t", "a", EventKind.PROCESS, 1)
    assert process == anomaly_id("t", "a", EventKind.INSTRUMENT, 1)  # the kind may change while it grows
    assert process != anomaly_id("t", "a", EventKind.SILENCE, 1)
    assert process != anomaly_id("t", "b", EventKind.PROCESS, 1)


def test_durations() -> None:
    assert parse_duration_us("1.5s") == 1_500_000
    assert parse_duration_us("14d") == 14 * 86_400_000_000
    assert pretty_duration(90_000_000) == "90s"
    with pytest.raises(UsageError):
        parse_duration_us("soon")


def test_moments() -> None:
    assert parse_moment_us("1h", NOON_US) == NOON_US - 3_600_000_000
    assert parse_moment_us("2026-01-05 12:00", 0) == NOON_US


def test_settings_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = config.load(
        {
            "TFSTREAM_DATABASE_URL": "postgresql://user:secret@db/x",
            "TFSTREAM_KAFKA_BOOTSTRAP_SERVERS": "k:9092",
            "TFSTREAM_KAFKA_SASL_PASSWORD": "secret",
        }
    )
    assert found.require_kafka() == {"bootstrap.servers": "k:9092", "sasl.password": "secret"}
    assert "secret" not in repr(found)


def test_settings_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('database_url = "postgresql://a/b"\n[kafka]\n"bootstrap.servers" = "k:1"\n')
    found = config.load({"TFSTREAM_CONFIG": str(path), "TFSTREAM_KAFKA_BOOTSTRAP_SERVERS": "other:1"})
    assert found.require_database() == "postgresql://a/b"
    assert found.require_kafka()["bootstrap.servers"] == "other:1"  # the environment wins


@pytest.mark.parametrize("text", ["database_url = ", "surprise = 1"])
def test_a_wrong_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError):
        config.load({"TFSTREAM_CONFIG": str(path)})
    with pytest.raises(ConfigurationError, match="nowhere"):
        config.load({"TFSTREAM_CONFIG": "nowhere.toml"})


def test_missing_settings_say_what_to_set() -> None:
    with pytest.raises(ConfigurationError, match="TFSTREAM_DATABASE_URL"):
        config.Settings().require_database()
    with pytest.raises(ConfigurationError, match="TFSTREAM_KAFKA_BOOTSTRAP_SERVERS"):
        config.Settings().require_kafka()
