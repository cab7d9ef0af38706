"""``tfstream check``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from tfstream import config
from tfstream.app.checks.check_context import CheckResult
from tfstream.app.checks.run_checks import run_checks
from tfstream.cli.options.shared import AnyTopic, Group, Json
from tfstream.cli.output.printing import out, print_json

_STYLES = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "dim"}

Strict = Annotated[
    bool,
    typer.Option("--strict", envvar="TFSTREAM_STRICT", help="End with exit code 1 after a warning too."),
]


def check(topic: AnyTopic = None, group: Group = None, strict: Strict = False, as_json: Json = False) -> None:
    """Check services and streams: model, scorers, lag, dead letters, freshness of the stored data.

    The exit code is that of the first check that failed; a warning alone leaves it at 0.
    Use it before the start, as a periodic job, and when something looks wrong.
    """
    results = run_checks(config.load(), topic, group)
    if as_json:
        print_json(results)
    else:
        _print(results)
    sys.exit(_exit_code(results, strict))


def _print(results: Sequence[CheckResult]) -> None:
    width = max(len(result.name) for result in results)
    for result in results:
        state = Text(f"{result.state:<7}", _STYLES[result.state])
        out.print(state + f"  {result.name:<{width}}  {result.detail}", soft_wrap=True)
        if result.remedy and result.state in ("warning", "failed"):
            out.print(f"{'':<{width + 11}}→ {result.remedy}", style="dim", soft_wrap=True)


def _exit_code(results: Sequence[CheckResult], strict: bool) -> int:
    """The code of the first failed check; without a failure, 1 for a warning if ``strict``."""
    failed = [result.exit_code for result in results if result.state == "failed"]
    warned = any(result.state == "warning" for result in results)
    return failed[0] if failed else int(strict and warned)
