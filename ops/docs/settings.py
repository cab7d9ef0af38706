"""``docs/settings.md``: settings of the services, and the options that have an environment variable."""

from __future__ import annotations

from ops.docs.code import SETTINGS
from ops.docs.commands import Command, commands, default
from ops.docs.tables import code, notice, table, text

_SERVICES = """\
An environment variable wins over the configuration file; an empty variable counts as not set.
[Security](security.md) has the properties for TLS and logins."""

_FILE = """\
```toml
database_url = "postgresql://tfstream:secret@db:5432/tfstream"

[kafka]
"bootstrap.servers" = "kafka:9092"
```

A key that the table above does not have ends the command with exit code 3."""

_OPTIONS = """\
An environment variable sets an option that the command line does not give. [Commands](commands.md) has all
options, also those without a variable. `tfstream streams set` changes the definition of one stream: interval,
lateness, alarm budget, schedule."""

_OTHERS = """\
`tfstream demo` starts Apache Kafka from the folder in `KAFKA_HOME`, if that folder holds Kafka's `libs/` and
Java is installed. The tests have variables of their own: `CONTRIBUTING.md`."""


def page() -> str:
    rows = [
        (code(each.variable), text(each.meaning), text(each.default), code(each.key)) for each in SETTINGS
    ]
    services = table(("environment variable", "meaning", "default", "key in the file"), rows)
    parts = (
        notice("tfstream/config.py and tfstream/cli"),
        "# Settings",
        f"## Services\n\n{_SERVICES}\n\n{services}",
        f"## The configuration file\n\n{_FILE}",
        f"## Options as environment variables\n\n{_OPTIONS}\n\n{_options()}",
        f"## Other variables\n\n{_OTHERS}",
    )
    return "\n\n".join(parts) + "\n"


def _options() -> str:
    """A row for each variable, and for each meaning where commands give it several."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for command in commands():
        for option in command.options:
            if option.envvar:
                row = (
                    code(str(option.envvar)),
                    text(option.help or ""),
                    default(option),
                    code(option.opts[0]),
                )
                rows.setdefault(row, []).append(_link(command))
    head = ("environment variable", "meaning", "default", "option", "commands")
    return table(head, ((*row, ", ".join(users)) for row, users in sorted(rows.items())))


def _link(command: Command) -> str:
    words = command.name.removeprefix("tfstream ")
    return f"[{words}](commands.md#{command.anchor})"
