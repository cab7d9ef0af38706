"""Logins and TLS work with librdkafka and libpq; a wrong login is reported at once and without a secret."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.integration.support.certificates import Authority
from tests.integration.support.commands import Tfstream
from tests.integration.support.plants import write_plant
from tests.integration.support.secured_services import ADMIN, SECRET, SecuredKafka, SecuredPostgres, tfstream
from tests.integration.support.topic_reader import read_committed
from tfstream.embedded.process import free_port
from tfstream.errors import TfstreamError
from tfstream.storage import migrate
from tfstream.streaming.connection.cluster import broker_count

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.slow]

WRONG = f"falsch-{SECRET}"
SOON_S = 5.0


@pytest.mark.parametrize("login", ["scram", "mtls", "oauth"])
def test_each_kind_of_login_can_send(
    guarded_kafka: SecuredKafka, database_url: str, topic: str, tmp_path: Path, login: str
) -> None:
    properties = getattr(guarded_kafka, login)("player")
    shell = tfstream(database_url, properties)
    guarded_kafka.grant("replay", topic, "player", "--create-topics")
    shell.run("load", write_plant(tmp_path / "plant.csv", rows=50), "--topic", topic)
    shell.run("replay", tmp_path / "plant.csv", "--topic", topic)
    admin = guarded_kafka.scram(ADMIN)
    assert len(read_committed(admin["bootstrap.servers"], topic, admin)) == 50


def test_a_wrong_kafka_login_is_reported_at_once(
    guarded_kafka: SecuredKafka, database_url: str, tmp_path: Path
) -> None:
    password_login, certificate_login = guarded_kafka.scram("scorer"), guarded_kafka.mtls("scorer")
    stranger = str(Authority(tmp_path / "other", "another authority").certificate)
    no_certificate = {
        name: value
        for name, value in certificate_login.items()
        if "ertificate" not in name and "key" not in name
    }
    login, tls = "refuses the login", "TLS with Kafka"
    cases = [
        ({**password_login, "sasl.password": WRONG}, 3, login),
        ({**password_login, "sasl.username": "nobody"}, 3, login),
        ({**password_login, "sasl.mechanism": "PLAIN"}, 3, login),
        ({**password_login, "ssl.ca.location": stranger}, 3, tls),
        (
            {**password_login, "ssl.ca.location": "missing.pem"},
            3,
            "ssl.ca.location is missing.pem, which cannot be read",
        ),
        (no_certificate, 3, tls),
        ({**password_login, "security.protocol": "SASL_SLS"}, 3, 'Invalid value "SASL_SLS"'),
        ({**password_login, "sasl.passwordd": SECRET}, 3, 'No such configuration property: "sasl.passwordd"'),
        (
            _oauth_without(guarded_kafka, "enable.sasl.oauthbearer.unsecure.jwt"),
            3,
            "needs sasl.oauthbearer.method=oidc",
        ),
        ({**guarded_kafka.oauth("scorer"), "sasl.oauthbearer.config": WRONG}, 3, login),
        ({**password_login, "bootstrap.servers": f"127.0.0.1:{free_port()}"}, 4, "cannot be reached"),
    ]
    for properties, exit_code, message in cases:
        started = time.monotonic()
        with pytest.raises(TfstreamError, match=re.escape(message)) as error:
            broker_count(properties, timeout_s=5.0)
        assert error.value.exit_code == exit_code
        assert exit_code == 4 or time.monotonic() - started < SOON_S
        check_no_secret(str(error.value))
    check_refused(tfstream(database_url, cases[0][0]), login, "inspect", "--topic", "plant.sensors")


def _oauth_without(kafka: SecuredKafka, without: str) -> dict[str, str]:
    return {name: value for name, value in kafka.oauth("scorer").items() if name != without}


def check_refused(shell: Tfstream, message: str, *command: str) -> None:
    """The last line names the error, without a traceback and without a secret at any verbosity."""
    done = shell.run("--verbose", "--log-format", "json", *command, exit_code=3)
    assert message in done.stderr.splitlines()[-1], done.stderr
    assert "Traceback" not in done.stderr
    debugged = shell.run("--debug", *command, exit_code=3)
    assert "Traceback" in debugged.stderr
    for each in (done, debugged):
        check_no_secret(each.stdout + each.stderr)


def check_no_secret(text: str) -> None:
    assert SECRET not in text, text
    assert WRONG not in text, text


def test_the_debug_output_of_librdkafka_shows_no_secret(
    guarded_kafka: SecuredKafka, database_url: str
) -> None:
    for properties in (
        guarded_kafka.scram("scorer", WRONG),
        {**_oauth_without(guarded_kafka, ""), "client.id": "x"},
    ):
        shell = tfstream(database_url, {**properties, "debug": "all"})
        done = shell.run("--debug", "inspect", "--topic", "plant.sensors", exit_code=3)
        assert "librdkafka" in done.stderr
        check_no_secret(done.stdout + done.stderr)


def create_owned_database(postgres: SecuredPostgres, user: str, database: str = "plant") -> None:
    """Create a user without superuser rights and a database that belongs to the user."""
    with psycopg.connect(postgres.server.url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {user} LOGIN CREATEROLE PASSWORD '{user}-{SECRET}'")
        connection.execute(f"CREATE DATABASE {database} OWNER {user}")


def test_postgres_over_tls_with_a_password(guarded_postgres: SecuredPostgres, tmp_path: Path) -> None:
    create_owned_database(guarded_postgres, "owner")
    shell = Tfstream(guarded_postgres.url("owner", "plant"), "127.0.0.1:1")
    shell.run("db", "upgrade")
    shell.run("load", write_plant(tmp_path / "plant.csv", rows=50), "--topic", "plant.sensors")
    assert "plant.sensors" in shell.run("streams", "list").stdout
    stranger = str(Authority(tmp_path / "other", "another authority").certificate)
    url: Callable[..., str] = guarded_postgres.url
    login, tls, option = "refuses the login", "TLS with PostgreSQL", "an option in TFSTREAM_DATABASE_URL"
    cases = [
        (url("owner", "plant", WRONG), 3, login),
        (url("nobody", "plant", WRONG), 3, login),
        (url("owner", "plant", ""), 3, login),
        (url("owner", "plant", sslmode="disable"), 3, login),
        (url("owner", "plant", sslrootcert=stranger), 3, tls),
        (url("owner", "plant", sslrootcert="missing.pem"), 3, tls),
        (url("owner", "plant", sslmode="sometimes"), 3, option),
        (url("owner", "plant", foo="bar"), 3, option),
        (url("owner", "plant", connect_timeout="soon"), 3, option),
        (url("owner", "missing"), 4, "does not exist"),
    ]
    for wrong_url, exit_code, message in cases:
        with pytest.raises(TfstreamError, match=message) as error:
            migrate.current(wrong_url)
        assert error.value.exit_code == exit_code
        check_no_secret(str(error.value))
    check_refused(Tfstream(cases[0][0], "127.0.0.1:1"), login, "streams", "list")
    checked = Tfstream(cases[0][0], "127.0.0.1:1").run("check", "--json", exit_code=4)
    assert login in checked.stdout
    check_no_secret(checked.stdout + checked.stderr)
