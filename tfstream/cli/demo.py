"""``tfstream demo``: run everything on one machine, without any installed service."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Annotated

import typer

from tfstream import config
from tfstream.app.runtime.human_units import counted
from tfstream.app.runtime.shutdown import until_signalled
from tfstream.cli.options.parse import of_option, parse_alarm_budget
from tfstream.cli.options.shared import Json, NewAlarmBudget
from tfstream.cli.output.printing import err, out, plain, print_json, print_note, print_table, stages
from tfstream.core.messages.anomaly_event import iso
from tfstream.core.stream import StreamDefinition
from tfstream.demo.fault_outcomes import Comparison, FaultOutcome
from tfstream.demo.report.build_report import build_report
from tfstream.demo.report.explore_commands import explore_commands
from tfstream.demo.report.render_report import render_report
from tfstream.demo.report.wording import FOUND_RULE, OTHER_SENSORS_TEXT, fault_text, minutes_text
from tfstream.demo.run import DemoOptions, DemoResult, run_demo
from tfstream.demo.services import Services, services
from tfstream.storage.database import Database

_TICK_S = 0.5
_COLUMNS = ("asset", "fault", "sensor", "from", "delay", "top sensor", "rank")

Output = Annotated[Path, typer.Option(help="Folder for the report, report.html.")]
PlantSeed = Annotated[int, typer.Option("--seed", help="Seed of the simulated plant and of the fit.")]
TrainingDays = Annotated[int, typer.Option(help="Number of normal days to learn from.", min=1)]
KeepRunning = Annotated[
    bool, typer.Option("--keep", help="Keep the started services running until Ctrl-C, to try commands.")
]


def demo(
    output: Output = Path("tfstream-demo"),
    seed: PlantSeed = 0,
    training_days: TrainingDays = 4,
    alarm_budget: NewAlarmBudget = "1/week",
    keep: KeepRunning = False,
    as_json: Json = False,
) -> None:
    """Run tfstream on a simulated waterworks: learn normal days, then find the faults of the next day.

    It needs no other software: it starts PostgreSQL and a broker where none is configured, and ends them.
    """
    logging.getLogger("tfstream").setLevel(logging.WARNING)  # progress bars show the same
    began = time.monotonic()
    options = DemoOptions(
        seed=seed,
        training_days=training_days,
        alarm_budget_per_week=of_option("--alarm-budget", parse_alarm_budget, alarm_budget),
    )
    err.print("starting the services that are not configured: PostgreSQL, a broker")
    with services(config.load()) as running:
        _print_services(running)
        with stages("demo") as report:
            result = run_demo(running, options, report)
        path = _write_report(running, result, output, time.monotonic() - began)
        if as_json:
            print_json(_json_summary(result, path))
        else:
            _print_result(running, result, path, keep=keep)
        if keep:
            _wait_for_signal()


def _print_services(running: Services) -> None:
    err.print(f"broker:   {running.broker} at {running.settings.kafka['bootstrap.servers']}")
    err.print(f"database: {running.database}")
    if running.broker_limits:
        print_note(running.broker_limits)


def _write_report(running: Services, result: DemoResult, folder: Path, seconds: float) -> Path:
    database = Database(running.settings.require_database())
    with database.begin() as connection:
        page = render_report(build_report(connection, running, result, seconds))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def _print_result(running: Services, result: DemoResult, path: Path, *, keep: bool) -> None:
    out.print()
    print_table(_COLUMNS, [_row(outcome) for outcome in result.comparison.outcomes], empty="no faults")
    out.print()
    for outcome in result.comparison.outcomes:
        _print_other_alarms(outcome)
    out.print(conclusion(result.comparison, result.training.assets, result.stream.definition))
    out.print(FOUND_RULE, soft_wrap=True)
    out.print("delay: from the fault to the alarm; rank: of a touched sensor in the episode, 1 is the top")
    out.print(f"report: {path.resolve()}", soft_wrap=True)
    out.print()
    if not keep:
        out.print("tfstream demo --keep keeps the services running, for psql, kcat and tfstream's commands")
        return
    for purpose, command in explore_commands(running, result):
        out.print(f"# {purpose}", style="dim", soft_wrap=True)
        out.print(command, soft_wrap=True)


def _print_other_alarms(outcome: FaultOutcome) -> None:
    for alarm in outcome.other_alarms:
        sensors = ", ".join(alarm.main_sensors) or "none"
        out.print(
            f"{outcome.fault.asset}, {fault_text(outcome.fault)}: {OTHER_SENSORS_TEXT}: {sensors} "
            f"(raised at {iso(alarm.raised_us)[11:16]})",
            soft_wrap=True,
        )


def conclusion(comparison: Comparison, assets: int, definition: StreamDefinition) -> str:
    """The result in one line; the alarm budget holds for each asset of the scored day."""
    allowed = definition.alarm_budget_per_week * assets / 7
    during = sum(len(outcome.other_alarms) for outcome in comparison.outcomes)
    return (
        f"{comparison.found} of {len(comparison.outcomes)} faults found, "
        f"{counted(len(comparison.false_alarms), 'false alarm')} in {counted(assets, 'asset-day')}"
        f"{f', {during} of them during a fault' if during else ''} "
        f"(the alarm budget allows {allowed:.1g})"
    )


def _row(outcome: FaultOutcome) -> tuple[object, ...]:
    fault = outcome.fault
    return (
        fault.asset,
        fault.kind,
        fault.target_sensor,
        iso(fault.start_us)[11:16],
        "missed" if outcome.delay_us is None else minutes_text(outcome.delay_us),
        outcome.detections[0].sensors[0] if outcome.detections else None,
        outcome.rank,
    )


def _json_summary(result: DemoResult, path: Path) -> dict[str, object]:
    comparison = result.comparison
    return {
        "report": str(path.resolve()),
        "topic": result.stream.definition.topic,
        "seconds": result.seconds,
        "messages": result.rows,
        "windows": result.windows,
        "found": comparison.found,
        "ranked_first": comparison.ranked_first,
        "median_delay_us": comparison.median_delay_us,
        "faults": [
            {
                **plain(outcome),
                "found": outcome.found,
                "delay_us": outcome.delay_us,
                "rank": outcome.rank,
            }
            for outcome in comparison.outcomes
        ],
        "false_alarms": comparison.false_alarms,
    }


def _wait_for_signal() -> None:
    err.print("\nthe services keep running; press Ctrl-C to stop them")
    with until_signalled() as stop:
        while not stop():
            time.sleep(_TICK_S)
