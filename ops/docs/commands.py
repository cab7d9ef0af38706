"""``docs/commands.md``: every command with its arguments and options, from the Typer application."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any, NamedTuple

import typer
from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command

from ops.docs.code import app
from ops.docs.tables import code, notice, table, text

_INTRODUCTION = """\
`tfstream COMMAND --help` shows the same. Options of `tfstream` itself stand before the command:
`tfstream --log-format json score --topic plant.sensors`. An environment variable sets an option that is
not given on the command line; [Settings](settings.md) lists them."""


class Command(NamedTuple):
    """A command or a group of commands, by its full name."""

    name: str
    command: Any  # Typer's own copy of click has no public name
    context: typer.Context

    @property
    def is_group(self) -> bool:
        return isinstance(self.command, TyperGroup)

    @property
    def anchor(self) -> str:
        """Where the page has it."""
        return self.name.replace(" ", "-")

    @property
    def arguments(self) -> list[TyperArgument]:
        return [each for each in self.command.params if isinstance(each, TyperArgument)]

    @property
    def options(self) -> list[TyperOption]:
        return [each for each in self.command.params if isinstance(each, TyperOption) and not each.hidden]


def commands() -> list[Command]:
    """All commands that ``--help`` shows, in its order, each group before its own."""
    return list(_walk("tfstream", get_command(app)))


def default(option: TyperOption) -> str:
    """The default as one would type it; nothing for a flag that is off, or where the command decides."""
    value = option.default
    if option.required:
        return "required"
    if value is None or value is False or value == "":
        return ""
    return code(str(value.value if isinstance(value, Enum) else value))


def page() -> str:
    sections = "\n\n".join(map(_section, commands()))
    return f"{notice('tfstream/cli')}\n\n# Commands\n\n{_INTRODUCTION}\n\n{sections}\n"


def _walk(name: str, command: Any) -> Iterator[Command]:
    if command.hidden:
        return
    yield Command(name, command, typer.Context(command, info_name=name))
    if isinstance(command, TyperGroup):
        for word, each in command.commands.items():
            yield from _walk(f"{name} {word}", each)


def _section(command: Command) -> str:
    level = "##" if command.name.count(" ") < 2 else "###"
    parts = [f"{level} {command.name}", text(command.command.help or ""), _usage(command)]
    parts += [_arguments(command), _options(command)]
    return "\n\n".join(part for part in parts if part)


def _usage(command: Command) -> str:
    pieces = " ".join(command.command.collect_usage_pieces(command.context))
    return "" if command.is_group else f"```\n{command.name} {pieces}\n```"


def _arguments(command: Command) -> str:
    rows = [
        (code(each.name), text(each.help or ""), _value(each, command), "required" if each.required else "")
        for each in command.arguments
    ]
    return table(("argument", "meaning", "value", "default"), rows) if rows else ""


def _value(parameter: TyperArgument | TyperOption, command: Command) -> str:
    """The kind of value and its bounds, or the words to choose from."""
    kind = code(parameter.display_type(command.context).strip("<>").removesuffix(" range"))
    if parameter.max is not None:
        return f"{kind}, {parameter.min} to {parameter.max}"
    return kind if parameter.min is None else f"{kind}, {parameter.min} or more"


def _options(command: Command) -> str:
    rows = [
        (
            ", ".join(map(code, [*each.opts, *each.secondary_opts])),
            text(each.help or ""),
            "" if each.is_flag else _value(each, command),
            default(each),
            code(str(each.envvar or "")),
        )
        for each in command.options
    ]
    return table(("option", "meaning", "value", "default", "environment variable"), rows) if rows else ""
