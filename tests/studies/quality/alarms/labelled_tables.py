"""Labelled files as series on a regular grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfstream.app.files.sensor_table import SensorTable, read_table
from tfstream.core.reading import Series
from tfstream.core.stream import MICROSECONDS, StreamDefinition
from tfstream.errors import UsageError

START_US = 1_767_571_200 * MICROSECONDS  # Monday, 2026-01-05 UTC


def require(data: Path | None, suite: str) -> Path:
    """The folder of a suite.

    :raises UsageError: when there is none.
    """
    if data is None or not (data / suite).is_dir():
        raise UsageError(f"this case needs {suite} in the folder of labelled data: name it with --data")
    return data / suite


def files_in(data: Path | None, suite: str) -> list[str]:
    """The names of a suite's files; without its folder one name that stands for all of them."""
    if data is None or not (data / suite).is_dir():
        return [f"{suite}.csv"]
    return sorted(path.name for path in (data / suite).iterdir() if path.suffix in (".csv", ".parquet"))


def regular(table: SensorTable, asset: str, interval_us: int) -> Series:
    """The rows of a table as one unbroken series, a row every ``interval_us``."""
    times_us = START_US + np.arange(len(table.values), dtype=np.int64) * interval_us
    return Series(asset, times_us, table.values)


def read_series(path: Path, asset: str, interval_us: int) -> Series:
    """A whole file as one unbroken series."""
    return regular(read_table(path), asset, interval_us)


def definition(topic: str, sensors: tuple[str, ...], interval_us: int) -> StreamDefinition:
    """The stream of a case: one false alarm a week is asked for."""
    return StreamDefinition(topic=topic, sensors=sensors, interval_us=interval_us)


def part_of(series: Series, first: int, stop: int | None = None) -> Series:
    """The rows ``first`` to ``stop`` of a series."""
    rows = slice(first, stop)
    return Series(series.asset, series.times_us[rows], series.values[rows])
