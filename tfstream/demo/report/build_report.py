"""Build the content of the report from the results and the database."""

from __future__ import annotations

import platform
from importlib.metadata import version

import numpy as np

from tfstream import __version__
from tfstream.app.runtime.human_units import counted
from tfstream.demo.report.explore_commands import explore_commands
from tfstream.demo.report.report_content import DemoReport, ReportEpisode, Timeline
from tfstream.demo.report.sensor_plots import read_sensor_plots
from tfstream.demo.run import DemoResult, raised_us
from tfstream.demo.services import Services
from tfstream.storage import scores
from tfstream.storage.anomalies import AnomalyRow
from tfstream.storage.database import Connection
from tfstream.storage.datetimes import to_us


def build_report(
    connection: Connection, services: Services, result: DemoResult, seconds: float
) -> DemoReport:
    """Return the content of the report.

    :param seconds: the duration of the whole demo.
    """
    assets = sorted({fault.asset for fault in result.faults})
    episodes = sorted(result.episodes, key=lambda row: row.started_at)
    return DemoReport(
        title=f"One day at {result.training.assets} simulated waterworks",
        facts=_facts(services, result, seconds),
        timelines=tuple(_read_timeline(connection, result, asset) for asset in assets),
        episodes=tuple(_report_episode(connection, result, row) for row in episodes),
        comparison=result.comparison,
        commands=explore_commands(services, result),
    )


def _facts(services: Services, result: DemoResult, seconds: float) -> tuple[tuple[str, str], ...]:
    training, definition = result.training, result.stream.definition
    steps = ", ".join(f"{step} {duration:g} s" for step, duration in result.seconds.items())
    facts = [
        ("tfstream", __version__),
        ("Python, torch", f"{platform.python_version()}, {version('torch')}"),
        ("Broker", services.broker),
        ("Database", services.database),
        (
            "Training data",
            f"{training.rows:,} rows of {counted(training.assets, 'asset')}, "
            f"{counted(len(definition.sensors), 'sensor')}",
        ),
        ("Scored", f"{result.rows:,} messages, {result.windows:,} windows"),
        ("Model", f"version {training.version}, {training.bundle_bytes / 1e6:.1f} MB"),
        ("Alarm budget", f"{definition.alarm_budget_per_week:g} per asset and week"),
        ("Duration", f"{seconds:.0f} s: {steps}"),
    ]
    if services.broker_limits:
        facts.append(("Limits of this broker", services.broker_limits))
    return tuple(facts)


def _read_timeline(connection: Connection, result: DemoResult, asset: str) -> Timeline:
    points = scores.read(connection, result.stream.id, asset, result.scored_from_us, result.scored_until_us)
    return Timeline(
        asset=asset,
        times_us=np.array([point.time_us for point in points], dtype=np.int64),
        score=np.array([point.score for point in points]),
        threshold=np.array([point.threshold for point in points]),
    )


def _report_episode(connection: Connection, result: DemoResult, row: AnomalyRow) -> ReportEpisode:
    return ReportEpisode(
        episode=str(row.id),
        asset=row.asset,
        kind=row.kind,
        raised_us=raised_us(row, result.champion),
        ended_us=None if row.ended_at is None else to_us(row.ended_at),
        score=row.score,
        threshold=row.threshold,
        expected_per_week=row.expected_per_week,
        witness=row.witness,
        scale_s=row.scale_s,
        reason=row.reason,
        plots=tuple(read_sensor_plots(connection, result, row)),
    )
