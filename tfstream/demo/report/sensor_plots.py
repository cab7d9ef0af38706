"""Readings around an episode beside the values that the model expected."""

from __future__ import annotations

import numpy as np

from tfstream.app.detection.champion import Champion
from tfstream.app.runtime.human_units import band_text
from tfstream.app.training.alignment import aligned_pieces
from tfstream.core.reading import Series, Times, Values
from tfstream.demo.report.report_content import SensorPlot
from tfstream.demo.run import DemoResult
from tfstream.storage import readings
from tfstream.storage.anomalies import AnomalyRow
from tfstream.storage.database import Connection
from tfstream.storage.datetimes import to_us

_MARGIN_US = 90 * 60_000_000  # before and after the episode
_MOST_PLOTS = 3


def read_sensor_plots(connection: Connection, result: DemoResult, row: AnomalyRow) -> list[SensorPlot]:
    """Return plots of the sensors with the largest shares of the episode; empty without readings."""
    definition = result.stream.definition
    first_us = to_us(row.started_at) - _MARGIN_US
    last_us = (to_us(row.ended_at) if row.ended_at else result.scored_until_us) + _MARGIN_US
    # The first expected value needs a full window before it.
    read_from_us = first_us - result.champion.detector.window_rows * definition.interval_us
    sensors = definition.sensors
    series = readings.read(connection, result.stream.id, row.asset, read_from_us, last_us, len(sensors))
    pieces = list(aligned_pieces(series, definition, result.champion.detector.hop_rows))
    if not pieces:
        return []
    times_us, expected = _expected_values(result.champion, pieces[-1])
    shown = series.times_us >= first_us
    return [
        SensorPlot(
            sensor=sensor["name"],
            share=sensor["share"],
            change=band_text(sensor.get("band")),
            times_us=series.times_us[shown],
            actual=series.values[shown, sensors.index(sensor["name"])].astype(np.float64),
            expected_times_us=times_us,
            expected=expected[:, sensors.index(sensor["name"])].astype(np.float64),
        )
        for sensor in row.sensors[:_MOST_PLOTS]
    ]


def _expected_values(champion: Champion, piece: Series) -> tuple[Times, Values]:
    """The expected values at the middle of every hop: times ``[hops]``, values ``[hops, sensors]``."""
    detector = champion.detector
    ends = np.arange(detector.window_rows, len(piece.values) + 1, detector.hop_rows)
    windows = np.stack([piece.values[end - detector.window_rows : end] for end in ends])
    measured = detector.measure(windows, [piece.asset] * len(windows))
    return piece.times_us[ends - detector.hop_rows // 2], measured.expected
