"""``tfstream check``: is everything as it should be?"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from tfstream import config
from tfstream.app.checks.check_context import CheckResult
from tfstream.app.checks.run_checks import run_checks
from tfstream.cli.options import AnyTopic, Group, Json
from tfstream.cli.output import out, print_json

_STYLES = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "dim"}


Strict = Annotated[
    bool,
    typer.Option("--strict", envvar="TFSTREAM_STRICT", help="End with exit code 1 on a warning, too."),
]


def check(topic: AnyTopic = None, group: Group = None, strict: Strict = False, as_json: Json = False) -> None:
    """Services, stream, model, scorers, lag, dead letters; the exit code says what is wrong first."""
    findings = run_checks(config.load(), topic, group)
    if as_json:
        print_json(findings)
    else:
        width = max(len(found.name) for found in findings)
        for found in findings:
            state = Text(f"{found.state:<7}", _STYLES[found.state])
            out.print(state + f"  {found.name:<{width}}  {found.detail}", soft_wrap=True)
            if found.remedy and found.state in ("warning", "failed"):
                out.print(f"{'':<{width + 11}}→ {found.remedy}", style="dim", soft_wrap=True)
    sys.exit(_exit_code(findings, strict))


def _exit_code(findings: Sequence[CheckResult], strict: bool) -> int:
    """Of the first check that failed; 1 when none has, and there are warnings that count."""
    failed = [found.exit_code for found in findings if found.state == "failed"]
    warned = any(found.state == "warning" for found in findings)
    return failed[0] if failed else int(strict and warned)
