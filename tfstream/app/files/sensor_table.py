"""CSV and Parquet files as sensor readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tfstream.app.files import table_columns
from tfstream.app.files.table_file import read_frame, require_columns
from tfstream.core.reading import Times, Values
from tfstream.errors import BadData

if TYPE_CHECKING:
    import pandas as pd

_TIME_NAMES = ("ts", "timestamp", "time", "datetime", "date")
_LABEL_NAMES = ("label", "labels", "anomaly", "is_anomaly", "changepoint")
_ASSET_NAME = "asset"


@dataclass(frozen=True, kw_only=True)
class SensorTable:
    """``assets [rows]``, ``times_us [rows]``, ``values [rows, sensors]``; NaN where a cell is empty."""

    source: str
    sensors: tuple[str, ...]
    assets: list[str]
    times_us: Times
    values: Values

    def in_order_of_time(self) -> SensorTable:
        """The same rows, earliest first; rows of the same time keep their order."""
        order = np.argsort(self.times_us, kind="stable")
        return SensorTable(
            source=self.source,
            sensors=self.sensors,
            assets=[self.assets[i] for i in order],
            times_us=self.times_us[order],
            values=self.values[order],
        )


def read_table(
    path: Path,
    *,
    time_column: str | None = None,
    asset_column: str | None = None,
    asset: str | None = None,
    ignore: Sequence[str] = (),
    rows: int | None = None,
) -> SensorTable:
    """Read a ``.csv`` (also ``.csv.gz``) or ``.parquet`` file, or its first ``rows`` rows.

    Without ``time_column`` the usual names are tried; label columns are never sensors. Assets come from
    ``asset_column`` or a column ``asset``, else all rows belong to ``asset``, by default the file's name.

    :raises BadData: when the file cannot be read; the message names the column or row at fault.
    """
    return _table(read_frame(path, rows), path, time_column, asset_column, asset, ignore)


def read_labelled(
    path: Path, *, label_column: str, time_column: str | None = None, ignore: Sequence[str] = ()
) -> tuple[SensorTable, NDArray[np.bool_]]:
    """A file as :func:`read_table` reads it, and its labels ``[rows]``: true for anomalous rows.

    :raises BadData: when the file cannot be read, or its labels are not 0 and 1.
    """
    frame = read_frame(path)
    if label_column not in frame.columns:
        raise BadData(
            f"{path} has no label column {label_column!r}; name it with --label-column "
            f"(it has {', '.join(map(str, frame.columns))})"
        )
    labels = table_columns.labels(frame[label_column], path)
    return _table(frame, path, time_column, None, None, [*ignore, label_column]), labels


def _table(
    frame: pd.DataFrame,
    path: Path,
    time_column: str | None,
    asset_column: str | None,
    asset: str | None,
    ignore: Sequence[str],
) -> SensorTable:
    time_name = _time_column(frame, time_column, path)
    times_us = table_columns.times_us(frame[time_name], path)
    asset_name = _asset_column(frame, asset_column, path)
    assets = table_columns.asset_names(frame, asset_name, asset or path.name.split(".")[0], path)
    skipped = {time_name, asset_name, *require_columns(frame, ignore, path)}
    names = [
        str(name) for name in frame.columns if name not in skipped and str(name).lower() not in _LABEL_NAMES
    ]
    if not names:
        raise BadData(f"{path} has no sensor column beside {time_name!r}")
    return SensorTable(
        source=str(path),
        sensors=tuple(names),
        assets=assets,
        times_us=times_us,
        values=table_columns.sensor_values(frame[names], path),
    )


def _time_column(frame: pd.DataFrame, named: str | None, path: Path) -> str:
    if named is not None:
        require_columns(frame, [named], path)
        return named
    usual = [str(name) for name in frame.columns if str(name).lower() in _TIME_NAMES]
    if not usual:
        raise BadData(f"{path} has no time column ({', '.join(_TIME_NAMES)}); name it with --time-column")
    return min(usual, key=lambda name: _TIME_NAMES.index(name.lower()))


def _asset_column(frame: pd.DataFrame, named: str | None, path: Path) -> str | None:
    if named is not None:
        require_columns(frame, [named], path)
        return named
    return _ASSET_NAME if _ASSET_NAME in frame.columns else None
