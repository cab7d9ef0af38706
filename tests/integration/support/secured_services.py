"""A broker and a PostgreSQL that require a login: TLS, passwords, certificates, tokens, access lists."""

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

from tests.integration.support.certificates import Authority
from tests.integration.support.commands import Tfstream
from tfstream.embedded.kafka import ApacheKafka
from tfstream.embedded.postgres import EmbeddedPostgres
from tfstream.embedded.process import free_port

SECRET = "geheim-4711"
ADMIN = "admin"
USERS = (ADMIN, "inspector", "player", "recorder", "scorer", "sinker", "checker")
ACLS = Path(__file__).parents[3] / "ops" / "kafka" / "acls.py"
ROLES = Path(__file__).parents[3] / "ops" / "postgres" / "roles.sql"
_LISTENERS = "SCRAM:SASL_SSL,OAUTH:SASL_SSL,MTLS:SSL,CONTROLLER:SSL"
_HBA = """\
host all postgres 127.0.0.1/32 trust
hostssl all all 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True)
class SecuredKafka:
    """A secured broker, and the client properties of each kind of login."""

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
        """An unsecured token: it tests the login procedure and protects nothing."""
        return {
            **_tls("SASL_SSL", f"127.0.0.1:{self.oauth_port}", self.authority),
            "sasl.mechanism": "OAUTHBEARER",
            "enable.sasl.oauthbearer.unsecure.jwt": "true",
            "sasl.oauthbearer.config": f"principal={user}",
        }

    def grant(self, command: str, topic: str, user: str, *options: str) -> None:
        """Run ``ops/kafka/acls.py`` as the administrator."""
        arguments = [
            sys.executable,
            str(ACLS),
            command,
            "--topic",
            topic,
            "--principal",
            f"User:{user}",
            *options,
        ]
        admin = tfstream("", self.scram(ADMIN))
        done = subprocess.run(arguments, env=admin.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@contextmanager
def secured_kafka(home: Path, folder: Path) -> Iterator[SecuredKafka]:
    """A broker with three listeners; its access list allows only the administrator."""
    authority = Authority(folder / "certificates")
    mtls, oauth = free_port(), free_port()
    server = ApacheKafka(
        home,
        folder / "broker",
        server=_server_properties(authority, mtls, oauth),
        client=_admin_client(authority),
        formatting=[
            argument
            for user in USERS
            for argument in ("--add-scram", f"SCRAM-SHA-512=[name={user},password={user}-{SECRET}]")
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
    """The command line with librdkafka properties in its environment, as docs/security.md describes."""
    names = {f"TFSTREAM_KAFKA_{name.upper().replace('.', '_')}": value for name, value in properties.items()}
    return Tfstream(database_url, properties["bootstrap.servers"], **names)


@dataclass(frozen=True)
class SecuredPostgres:
    """A server that accepts passwords over TLS only; its superuser, who sets it up, needs no password."""

    server: EmbeddedPostgres
    authority: Authority

    def url(self, user: str, database: str = "postgres", password: str | None = None, **options: str) -> str:
        options = {"sslmode": "verify-full", "sslrootcert": str(self.authority.certificate), **options}
        query = "&".join(f"{name}={value}" for name, value in options.items())
        secret = f"{user}-{SECRET}" if password is None else password
        return f"postgresql://{user}:{secret}@127.0.0.1:{self.server.port}/{database}?{query}"


@contextmanager
def secured_postgres(folder: Path) -> Iterator[SecuredPostgres]:
    """A PostgreSQL with TLS: the system's, since the PostgreSQL of the wheel has no TLS."""
    authority = Authority(folder / "certificates")
    pair = authority.issue("postgres")
    server_folder = Path(tempfile.mkdtemp(prefix="tfstream-tls-"))
    server_folder.chmod(0o755)
    try:
        files = {"ssl_cert_file": pair.certificate, "ssl_key_file": pair.key}
        settings = {name: str(_copy_for_server(server_folder, path)) for name, path in files.items()}
        (folder / "pg_hba.conf").write_text(_HBA)
        settings |= {"ssl": "on", "hba_file": str(_copy_for_server(server_folder, folder / "pg_hba.conf"))}
        with EmbeddedPostgres(folder / "data", binaries=_binaries(), settings=settings) as server:
            yield SecuredPostgres(server, authority)
    finally:
        shutil.rmtree(server_folder, ignore_errors=True)


def _binaries() -> Path:
    program = shutil.which("postgres")
    folder = Path(program).resolve().parent if program else Path()
    libraries = subprocess.run(
        ["ldd", folder / "postgres"], capture_output=True, text=True, check=False
    ).stdout
    if "libssl" not in libraries:
        pytest.skip("needs a PostgreSQL with TLS on the path")
    return folder


def _copy_for_server(server_folder: Path, path: Path) -> Path:
    """Copy a file; only the server's user may read the copy."""
    copy = Path(shutil.copy(path, server_folder))
    copy.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(copy, pwd.getpwnam("nobody").pw_uid, -1)
    return copy
