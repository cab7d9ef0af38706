"""A broker and a PostgreSQL that ask who you are: TLS, passwords, certificates, tokens, access lists."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.certificates import Authority
from tests.integration.commands import Tfstream
from tfstream.embedded.kafka import ApacheKafka
from tfstream.embedded.postgres import EmbeddedPostgres
from tfstream.embedded.process import free_port

SECRET = "geheim-4711"
ADMIN = "admin"
USERS = (ADMIN, "inspector", "player", "recorder", "scorer", "sinker", "checker")
ACLS = Path(__file__).parents[2] / "ops" / "kafka" / "acls.py"
ROLES = Path(__file__).parents[2] / "ops" / "postgres" / "roles.sql"
_LISTENERS = "SCRAM:SASL_SSL,OAUTH:SASL_SSL,MTLS:SSL,CONTROLLER:SSL"
_HBA = """\
host all postgres 127.0.0.1/32 trust
hostssl all all 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True)
class SecuredKafka:
    """What each kind of login needs of a client."""

    server: ApacheKafka
    authority: Authority
    mtls_port: int
    oauth_port: int

    def scram(self, user: str, password: str | None = None) -> dict[str, str]:
        return {
            **_tls("SASL_SSL", self.server.bootstrap, self.authority),
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": f"{user}-{SECRET}" if password is None else password,
        }

    def mtls(self, user: str) -> dict[str, str]:
        pair = self.authority.issue(user)
        return {
            **_tls("SSL", f"127.0.0.1:{self.mtls_port}", self.authority),
            "ssl.certificate.location": str(pair.certificate),
            "ssl.key.location": str(pair.key),
        }

    def oauth(self, user: str) -> dict[str, str]:
        """An unsecured token: good for a test of the way, no login to rely on."""
        return {
            **_tls("SASL_SSL", f"127.0.0.1:{self.oauth_port}", self.authority),
            "sasl.mechanism": "OAUTHBEARER",
            "enable.sasl.oauthbearer.unsecure.jwt": "true",
            "sasl.oauthbearer.config": f"principal={user}",
        }

    def grant(self, command: str, topic: str, user: str, *more: str) -> None:
        """``ops/kafka/acls.py``, as the administrator."""
        words = [sys.executable, str(ACLS), command, "--topic", topic, "--principal", f"User:{user}", *more]
        admin = tfstream("", self.scram(ADMIN))
        done = subprocess.run(words, env=admin.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@contextmanager
def secured_kafka(home: Path, folder: Path) -> Iterator[SecuredKafka]:
    """A broker with three listeners, and an access list on which nobody stands but the administrator."""
    authority = Authority(folder / "certificates")
    mtls, oauth = free_port(), free_port()
    server = ApacheKafka(
        home,
        folder / "broker",
        server=_server_properties(authority, mtls, oauth),
        client=_admin_client(authority),
        formatting=[
            word
            for user in USERS
            for word in ("--add-scram", f"SCRAM-SHA-512=[name={user},password={user}-{SECRET}]")
        ],
    )
    with server:
        yield SecuredKafka(server, authority, mtls, oauth)


def _server_properties(authority: Authority, mtls: int, oauth: int) -> dict[str, str]:
    security = "org.apache.kafka.common.security"
    advertised = f"SCRAM://127.0.0.1:{{port}},MTLS://127.0.0.1:{mtls},OAUTH://127.0.0.1:{oauth}"
    return {
        "listeners": f"{advertised},CONTROLLER://127.0.0.1:{{controller}}",
        "advertised.listeners": advertised,
        "listener.security.protocol.map": _LISTENERS,
        "inter.broker.listener.name": "MTLS",
        "listener.name.mtls.ssl.client.auth": "required",
        "listener.name.controller.ssl.client.auth": "required",
        "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(authority.issue("broker").store),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.certificate),
        "listener.name.scram.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.scram.scram-sha-512.sasl.jaas.config": f"{security}.scram.ScramLoginModule required;",
        "listener.name.oauth.sasl.enabled.mechanisms": "OAUTHBEARER",
        "listener.name.oauth.oauthbearer.sasl.jaas.config": (
            f'{security}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";'
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:broker;User:{ADMIN}",
        "auto.create.topics.enable": "false",
    }


def _admin_client(authority: Authority) -> dict[str, str]:
    return {
        **_tls("SASL_SSL", "", authority),
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": ADMIN,
        "sasl.password": f"{ADMIN}-{SECRET}",
    }


def _tls(protocol: str, bootstrap: str, authority: Authority) -> dict[str, str]:
    servers = {"bootstrap.servers": bootstrap} if bootstrap else {}
    return {**servers, "security.protocol": protocol, "ssl.ca.location": str(authority.certificate)}


def tfstream(database_url: str, properties: Mapping[str, str]) -> Tfstream:
    """The command line with librdkafka properties in its environment, as docs/security.md says."""
    names = {f"TFSTREAM_KAFKA_{name.upper().replace('.', '_')}": value for name, value in properties.items()}
    return Tfstream(database_url, properties["bootstrap.servers"], **names)


@dataclass(frozen=True)
class SecuredPostgres:
    """A server that takes passwords over TLS alone, but for its superuser, who sets it up."""

    server: EmbeddedPostgres
    authority: Authority

    def url(self, user: str, database: str = "postgres", password: str | None = None, **options: str) -> str:
        options = {"sslmode": "verify-full", "sslrootcert": str(self.authority.certificate), **options}
        query = "&".join(f"{name}={value}" for name, value in options.items())
        secret = f"{user}-{SECRET}" if password is None else password
        return f"postgresql://{user}:{secret}@127.0.0.1:{self.server.port}/{database}?{query}"


@contextmanager
def secured_postgres(folder: Path) -> Iterator[SecuredPostgres]:
    """The wheel's PostgreSQL knows no TLS: this is the system's."""
    authority = Authority(folder / "certificates")
    pair = authority.issue("postgres")
    place = Path(tempfile.mkdtemp(prefix="tfstream-tls-"))
    place.chmod(0o755)
    try:
        files = {"ssl_cert_file": pair.certificate, "ssl_key_file": pair.key}
        settings = {name: str(_for_the_server(place, path)) for name, path in files.items()}
        (folder / "pg_hba.conf").write_text(_HBA)
        settings |= {"ssl": "on", "hba_file": str(_for_the_server(place, folder / "pg_hba.conf"))}
        with EmbeddedPostgres(folder / "data", binaries=_binaries(), settings=settings) as server:
            yield SecuredPostgres(server, authority)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _binaries() -> Path:
    found = shutil.which("postgres")
    folder = Path(found).resolve().parent if found else Path()
    built = subprocess.run(["ldd", folder / "postgres"], capture_output=True, text=True, check=False).stdout
    if "libssl" not in built:
        pytest.skip("needs a PostgreSQL with TLS on the path")
    return folder


def _for_the_server(place: Path, path: Path) -> Path:
    """A copy that the server's user, and nobody else, may read."""
    copy = Path(shutil.copy(path, place))
    copy.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(copy, pwd.getpwnam("nobody").pw_uid, -1)
    return copy
