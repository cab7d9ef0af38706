"""The command line without Kafka, whose output must never contain the database's password."""

from __future__ import annotations

import json
import re
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from sqlalchemy.engine import make_url

from tests.integration.support.commands import Tfstream
from tfstream.embedded.process import free_port

Done = CompletedProcess[str]


class Shell(Tfstream):
    """Runs ``tfstream`` without Kafka; no output has the password, or a traceback unless ``--debug``."""

    def __init__(self, database_url: str, **variables: str) -> None:
        url = make_url(database_url)
        self.secret = str(url.password or "geheim-4711")
        url = url.set(password=self.secret)
        super().__init__(url.render_as_string(hide_password=False), f"127.0.0.1:{free_port()}", **variables)

    def run(self, *arguments: str | Path, exit_code: int = 0) -> Done:
        done = super().run(*arguments, exit_code=exit_code)
        assert self.secret not in done.stdout + done.stderr
        assert ("Traceback" in done.stderr) == ("--debug" in arguments), done.stderr
        return done

    def json(self, *arguments: str | Path) -> Any:
        """Run a command with ``--json``; returns its parsed output."""
        return json.loads(self.run(*arguments, "--json").stdout)


def table_cells(table: str) -> list[list[str]]:
    """The cells of a printed table, row by row; two or more spaces separate the cells."""
    return [re.split(r"\s{2,}", line.strip()) for line in table.splitlines() if line.strip()]
