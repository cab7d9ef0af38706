"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Topic = Annotated[str, typer.Option("--topic", "-t", envvar="TFSTREAM_TOPIC", help="The sensor topic.")]
AnyTopic = Annotated[
    str | None, typer.Option("--topic", "-t", envvar="TFSTREAM_TOPIC", help="Only this sensor topic.")
]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout, for programs.")]
UntilEnd = Annotated[bool, typer.Option("--until-end", help="Stop at the topic's present end.")]
