"""Option groups: a dataclass's fields are options of the command, and the command gets the dataclass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from tfstream.cli.options.option_groups import with_option_groups


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where to work."""

    city: Annotated[str, typer.Option(envvar="TEST_CITY", help="The city.")]
    floor: Annotated[int, typer.Option("--floor", "-f", help="The floor.", min=0)] = 3


@dataclass(frozen=True, kw_only=True)
class HighPlace(Place):
    """The same with another default."""

    floor: Annotated[int, typer.Option(help="The upper floor.")] = 20


def run(*arguments: str, **environment: str) -> str:
    app = typer.Typer()

    @app.command()
    @with_option_groups
    def work(
        context: typer.Context,
        name: Annotated[str, typer.Argument()],
        place: Place,
        loud: Annotated[bool, typer.Option("--loud")] = False,
    ) -> None:
        """Work somewhere."""
        typer.echo(f"{context.info_name} {name} {place} {loud}")

    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "120", **environment})
    return result.output


def test_a_group_is_built_from_its_options_with_their_defaults() -> None:
    assert run("Ada", "--city", "Bonn") == "work Ada Place(city='Bonn', floor=3) False\n"
    assert run("Ada", "--loud", "-f", "0", TEST_CITY="Ulm") == "work Ada Place(city='Ulm', floor=0) True\n"


def test_the_options_keep_their_checks() -> None:
    assert "Missing option '--city'" in run("Ada")
    assert "Invalid value for '--floor'" in run("Ada", "--city", "Bonn", "--floor", "-1")


def test_the_help_has_the_docstring_and_every_option_in_order() -> None:
    shown = run("--help")
    assert "Work somewhere." in shown
    positions = [shown.index(text) for text in ("The city.", "The floor.", "--loud")]
    assert positions == sorted(positions)


def test_a_derived_group_replaces_an_option() -> None:
    received: list[Place] = []

    @with_option_groups
    def climb(place: HighPlace) -> None:
        received.append(place)

    app = typer.Typer()
    app.command()(climb)
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "120"}).output
    assert "The upper floor." in shown
    assert "The floor." not in shown
    CliRunner().invoke(app, ["--city", "Bonn"])
    assert received == [HighPlace(city="Bonn", floor=20)]


def test_two_options_of_one_name_are_refused() -> None:
    def climb(place: Place, floor: int = 1) -> None:
        """Never called."""

    with pytest.raises(ValueError, match="duplicate parameter name: 'floor'"):
        with_option_groups(climb)
