"""``tfstream demo``: everything on one machine, with nothing else installed."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Annotated

import typer

from tfstream import config
from tfstream.app.runtime.shutdown import until_signalled
from tfstream.cli.budgets import per_week
from tfstream.cli.options import Json
from tfstream.cli.output import err, out, print_json, print_table, stages, tell
from tfstream.core.messages.anomaly_event import iso
from tfstream.demo.fault_outcomes import FaultOutcome
from tfstream.demo.report import render
from tfstream.demo.report_data import build_report, commands
from tfstream.demo.run import DemoOptions, DemoResult, run_demo
from tfstream.demo.services import Services, services
from tfstream.storage.database import Database

_TICK_S = 0.5


def demo(
    output: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("tfstream-demo"),
    seed: Annotated[int, typer.Option(help="Another seed is another plant.")] = 0,
    training_days: Annotated[int, typer.Option(help="Days to learn from.", min=1)] = 4,
    alarm_budget: Annotated[
        str, typer.Option(help="False alarms an asset may raise: 1/week, 2/month …")
    ] = "1/week",
    keep: Annotated[bool, typer.Option("--keep", help="Keep the services running until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Watch tfstream learn a simulated waterworks and find the faults in it."""
    logging.getLogger("tfstream").setLevel(logging.WARNING)  # the progress bars say it better
    began = time.monotonic()
    options = DemoOptions(
        seed=seed, training_days=training_days, alarm_budget_per_week=per_week(alarm_budget)
    )
    err.print("starting what is not there yet: PostgreSQL, a broker")
    with services(config.load()) as running:
        _announce(running)
        with stages("demo") as report:
            result = run_demo(running, options, report)
        path = _write_report(running, result, output, time.monotonic() - began)
        if as_json:
            print_json(_summary(result, path))
        else:
            _print(running, result, path, keep=keep)
        if keep:
            _keep()


def _announce(running: Services) -> None:
    err.print(f"broker:   {running.broker} at {running.settings.kafka['bootstrap.servers']}")
    err.print(f"database: {running.database}")
    if running.caveat:
        tell("note:", "yellow", running.caveat)


def _write_report(running: Services, result: DemoResult, folder: Path, seconds: float) -> Path:
    database = Database(running.settings.require_database())
    with database.begin() as connection:
        page = render(build_report(connection, running, result, seconds))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def _print(running: Services, result: DemoResult, path: Path, *, keep: bool) -> None:
    comparison = result.comparison
    allowed = result.stream.definition.alarm_budget_per_week * result.training.assets / 7
    out.print()
    rows = [_row(verdict) for verdict in comparison.verdicts]
    columns = ("asset", "fault", "sensor", "from", "found after", "most blamed", "rank")
    print_table(columns, rows, empty="no faults")
    out.print()
    out.print(
        f"{comparison.found} of {len(comparison.verdicts)} faults found, "
        f"{len(comparison.false_alarms)} false alarms in {result.training.assets} asset days "
        f"(the budget allows {allowed:.1g}); rank: where the episode names a sensor that the fault touches"
    )
    out.print(f"report: {path.resolve()}", soft_wrap=True)
    out.print()
    if not keep:
        out.print("tfstream demo --keep leaves the services up, to look around with psql and kcat")
        return
    for title, command in commands(running, result):
        out.print(f"# {title}", style="dim", soft_wrap=True)
        out.print(command, soft_wrap=True)


def _row(verdict: FaultOutcome) -> tuple[object, ...]:
    fault = verdict.fault
    first = verdict.detections[0] if verdict.detections else None
    return (
        fault.asset,
        fault.kind,
        fault.meddled,
        iso(fault.start_us)[11:16],
        "missed" if verdict.delay_us is None else f"{verdict.delay_us // 60_000_000} min",
        first.sensors[0] if first and first.sensors else None,
        verdict.rank,
    )


def _summary(result: DemoResult, path: Path) -> dict[str, object]:
    return {
        "report": str(path.resolve()),
        "topic": result.stream.definition.topic,
        "seconds": result.seconds,
        "messages": result.rows,
        "windows": result.windows,
        "found": result.comparison.found,
        "faults": result.comparison.verdicts,
        "false_alarms": result.comparison.false_alarms,
    }


def _keep() -> None:
    err.print("\nthe services keep running; Ctrl-C ends them")
    with until_signalled() as stop:
        while not stop():
            time.sleep(_TICK_S)
