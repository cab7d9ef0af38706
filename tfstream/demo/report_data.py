"""The demo's outcome as a report: timelines, episodes with their sensors, and where to look further."""

from __future__ import annotations

import platform
from importlib.metadata import version

import numpy as np

from tfstream import __version__
from tfstream.app.runtime.human_units import band_text
from tfstream.app.scoring.score_batch import Champion
from tfstream.app.training.alignment import aligned_pieces
from tfstream.core.reading import Series, Values
from tfstream.demo.report import DemoReport, ReportEpisode, SensorPlot, Timeline
from tfstream.demo.run import DemoResult, raised_us
from tfstream.demo.services import Services
from tfstream.storage import readings, scores
from tfstream.storage.anomalies import AnomalyRow
from tfstream.storage.database import Connection
from tfstream.storage.datetimes import to_us
from tfstream.streaming.topics import anomalies_topic

_AROUND_US = 90 * 60_000_000
_PLOTS = 3


def build_report(
    connection: Connection, services: Services, result: DemoResult, seconds: float
) -> DemoReport:
    """Everything the report shows, read from the database."""
    return DemoReport(
        title=f"{result.training.assets} waterworks, watched for a day",
        facts=_facts(services, result, seconds),
        timelines=tuple(
            _timeline(connection, result, asset) for asset in sorted({fault.asset for fault in result.faults})
        ),
        episodes=tuple(
            _episode(connection, result, row)
            for row in sorted(result.episodes, key=lambda row: row.started_at)
        ),
        comparison=result.comparison,
        commands=commands(services, result),
    )


def commands(services: Services, result: DemoResult) -> tuple[tuple[str, str], ...]:
    """What to type to look further, with the addresses of these services."""
    topic = result.stream.definition.topic
    url = services.settings.require_database()
    bootstrap = services.settings.require_kafka()["bootstrap.servers"]
    history = (
        "SELECT asset, kind, started_at, duration, score, top_sensor FROM anomaly_history "
        f"WHERE topic = '{topic}' ORDER BY started_at"
    )
    return (
        (
            "tfstream itself, in another terminal",
            f"export TFSTREAM_DATABASE_URL='{url}' TFSTREAM_KAFKA_BOOTSTRAP_SERVERS='{bootstrap}'",
        ),
        ("The history in SQL", f'psql "{url}" -c "{history}"'),
        ("How every asset does", f'psql "{url}" -c "SELECT * FROM asset_health"'),
        (
            "The events in Kafka",
            f"kcat -b {bootstrap} -C -t {anomalies_topic(topic)} -o beginning -e "
            "-X isolation.level=read_committed",
        ),
    )


def _facts(services: Services, result: DemoResult, seconds: float) -> tuple[tuple[str, str], ...]:
    training, definition = result.training, result.stream.definition
    facts = [
        ("tfstream", __version__),
        ("Python, torch", f"{platform.python_version()}, {version('torch')}"),
        ("Broker", services.broker),
        ("Database", services.database),
        (
            "Learnt",
            f"{training.rows:,} rows of {training.assets} assets, {len(definition.sensors)} sensors",
        ),
        ("Scored", f"{result.rows:,} messages, {result.windows:,} windows"),
        ("Model", f"version {training.version}, {training.bundle_bytes / 1e6:.1f} MB"),
        ("Alarm budget", f"{definition.alarm_budget_per_week:g} per asset and week"),
        (
            "Took",
            f"{seconds:.0f} s: " + ", ".join(f"{act} {took:g} s" for act, took in result.seconds.items()),
        ),
    ]
    if services.caveat:
        facts.append(("This broker", services.caveat))
    return tuple(facts)


def _timeline(connection: Connection, result: DemoResult, asset: str) -> Timeline:
    points = scores.read(connection, result.stream.id, asset, result.scored_from_us, result.scored_until_us)
    return Timeline(
        asset=asset,
        times_us=np.array([point.time_us for point in points], dtype=np.int64),
        score=np.array([point.score for point in points]),
        threshold=np.array([point.threshold for point in points]),
    )


def _episode(connection: Connection, result: DemoResult, row: AnomalyRow) -> ReportEpisode:
    return ReportEpisode(
        episode=str(row.id),
        asset=row.asset,
        kind=row.kind,
        raised_us=raised_us(row, result.champion),
        ended_us=None if row.ended_at is None else to_us(row.ended_at),
        score=row.score,
        threshold=row.threshold,
        expected_per_week=row.expected_per_week,
        plots=tuple(_plots(connection, result, row)),
    )


def _plots(connection: Connection, result: DemoResult, row: AnomalyRow) -> list[SensorPlot]:
    """The guiltiest sensors around an episode, beside what the model expected of them."""
    definition = result.stream.definition
    first = to_us(row.started_at) - _AROUND_US
    last = (to_us(row.ended_at) if row.ended_at else result.scored_until_us) + _AROUND_US
    sensors = definition.sensors
    # a window more, so that there is an expectation from the first moment shown
    before = first - result.champion.detector.window_rows * definition.interval_us
    series = readings.read(connection, result.stream.id, row.asset, before, last, len(sensors))
    pieces = list(aligned_pieces(series, definition, result.champion.detector.hop_rows))
    if not pieces:
        return []
    times_us, expected = _expected(result.champion, pieces[-1])
    shown = series.times_us >= first
    return [
        SensorPlot(
            sensor=sensor["name"],
            share=sensor["share"],
            changed=band_text(sensor.get("band")),
            times_us=series.times_us[shown],
            actual=series.values[shown, sensors.index(sensor["name"])].astype(np.float64),
            expected_times_us=times_us,
            expected=expected[:, sensors.index(sensor["name"])].astype(np.float64),
        )
        for sensor in row.sensors[:_PLOTS]
    ]


def _expected(champion: Champion, piece: Series) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], Values]:
    """What the model predicts for every hop, at the middle of the hop: ``[hops]``, ``[hops, sensors]``."""
    detector = champion.detector
    ends = np.arange(detector.window_rows, len(piece.values) + 1, detector.hop_rows)
    windows = np.stack([piece.values[end - detector.window_rows : end] for end in ends])
    measured = detector.measure(windows, [piece.asset] * len(windows))
    return piece.times_us[ends - detector.hop_rows // 2], measured.expected
