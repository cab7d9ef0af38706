"""A command's help speaks of what the command can do."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from tfstream.cli.main import app


@pytest.mark.parametrize(("command", "has_workers"), [("score", True), ("record", False), ("sink", False)])
def test_only_the_scorer_has_workers(command: str, has_workers: bool) -> None:
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).stdout
    assert "--metrics-port" in shown
    assert ("Workers take the ports from here on" in " ".join(shown.split())) == has_workers
