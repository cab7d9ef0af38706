"""Every command and option explains itself in plain English, and each option is declared once."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

import tfstream.cli
from tfstream.cli.main import JOBS, app

# One option has one help text in all commands, except these: they mean something else in each command.
OWN_MEANING = {
    "--alarm-budget",  # of a stream, of a backtest, of an evaluation
    "--all",  # also hidden anomalies, also removed exclusions
    "--asset",  # of a file, of a list, of an explanation, a pattern
    "--from",  # start of a span, time of a change, time of a removal
    "--history",  # of a stream, of the trainer
    "--json",  # of the trainer: only with --once
    "--keep",  # partitions, running services
    "--metrics-port",  # of score: for several workers
    "--reason",  # of an exclusion, of a rollback
    "--schedule",  # of a stream, of the trainer
    "--seed",  # of a fit, of the simulated plant
    "--since",  # of a list, of a training span
    "--time-zone",  # of a stream, of the trainer
    "--to",  # end of a span, of a backtest, version of a rollback
    "--topic",  # required, a filter, several
}
BANNED = ("anew", "is said", "is told", "the one that", "so many", "so long", "says so", "what there is", "…")
LONGEST_COMMAND = 40  # lines
FOLDER = Path(tfstream.cli.__file__).parent


def commands(name: str = "tfstream", command: Any = None) -> Iterator[tuple[str, Any]]:
    """All commands and groups of commands by their full names."""
    command = command or get_command(app)
    yield name, command
    if isinstance(command, TyperGroup):
        for word, subcommand in command.commands.items():
            yield from commands(f"{name} {word}", subcommand)


COMMANDS = dict(commands())


def options(command: Any) -> Iterator[tuple[str, Any]]:
    """A command's arguments and options, without those that Typer adds."""
    for parameter in command.params:
        name = next((text for text in parameter.opts if text.startswith("--")), parameter.name)
        if name not in ("--install-completion", "--show-completion"):
            yield name, parameter


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_and_options_have_help_in_plain_english(name: str) -> None:
    texts = {"": COMMANDS[name].help, **{option: item.help for option, item in options(COMMANDS[name])}}
    for option, text in texts.items():
        assert text, f"{name} {option} has no help"
        assert text[0].isupper(), f"{name} {option}: {text}"
        assert text.endswith("."), f"{name} {option}: {text}"
        for riddle in BANNED:
            assert riddle not in text.lower(), f"{name} {option}: {text}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_line_of_a_command_help_ends_a_sentence(name: str) -> None:
    """Typer prints the line breaks of all paragraphs but the first: inside a sentence they look broken."""
    first, *others = COMMANDS[name].help.split("\n\n")
    assert "\n" not in first
    for line in "\n".join(others).splitlines():
        assert line.strip().endswith("."), line


def test_an_option_has_one_help_text() -> None:
    texts: dict[str, set[str]] = defaultdict(set)
    for command in COMMANDS.values():
        for option, parameter in options(command):
            if option.startswith("--"):
                texts[option].add(parameter.help)
    several = {option for option, different in texts.items() if len(different) > 1}
    assert several == OWN_MEANING


def test_no_command_function_is_long() -> None:
    lengths = {
        f"{path.name}: {function.name}": (function.end_lineno or 0) - function.lineno + 1
        for path in FOLDER.rglob("*.py")
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef)
    }
    assert len(lengths) > len(COMMANDS)
    assert {name: length for name, length in lengths.items() if length > LONGEST_COMMAND} == {}


def test_the_commands_are_grouped_by_job_in_the_order_of_use() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "120"}).stdout
    titles = re.findall(r"─ ([A-Z][\w ]+) ─", shown)
    assert titles == ["Options", *JOBS]
    words = re.findall(r"^│ ([a-z]+) ", shown, re.MULTILINE)
    assert words == [word for group in JOBS.values() for word in group]


@pytest.mark.parametrize(("command", "has_workers"), [("score", True), ("record", False), ("sink", False)])
def test_only_the_scorer_has_workers(command: str, has_workers: bool) -> None:
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).stdout
    assert "--metrics-port" in shown
    text = " ".join(re.sub(r"[│]", " ", shown).split())
    assert ("Several workers use this port and the ports after it" in text) == has_workers
