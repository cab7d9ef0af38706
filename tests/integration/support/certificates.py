"""A certificate authority for tests, made with openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple


class KeyPair(NamedTuple):
    """A certificate, its key, and a file with both, the form of Kafka's PEM key stores."""

    certificate: Path
    key: Path
    store: Path


class Authority:
    """Issues certificates for 127.0.0.1 and localhost; the common name is a user or a server."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.certificate, self._key = folder / "ca.pem", folder / "ca.key"
        _openssl(
            "req",
            "-x509",
            *_NEW_KEY,
            self._key,
            "-out",
            self.certificate,
            "-days",
            "2",
            "-subj",
            f"/CN={name}",
        )

    def issue(self, name: str) -> KeyPair:
        """Create a key and a certificate with this common name, valid for two days."""
        pair = KeyPair(*(self._folder / f"{name}{ending}" for ending in (".pem", ".key", ".store.pem")))
        request = self._folder / f"{name}.csr"
        alternatives = "subjectAltName=DNS:localhost,IP:127.0.0.1"
        _openssl("req", *_NEW_KEY, pair.key, "-out", request, "-subj", f"/CN={name}", "-addext", alternatives)
        sign: list[str | Path] = [
            "x509",
            "-req",
            "-in",
            request,
            "-CA",
            self.certificate,
            "-CAkey",
            self._key,
        ]
        _openssl(*sign, "-CAcreateserial", "-days", "2", "-copy_extensions", "copy", "-out", pair.certificate)
        pair.store.write_text(pair.key.read_text() + pair.certificate.read_text())
        return pair


_NEW_KEY = ("-newkey", "rsa:2048", "-nodes", "-keyout")


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
