"""CSV and Parquet files as sensor readings."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfstream.core.messages.timestamp import read_auto
from tfstream.core.reading import MAX_ASSET_LENGTH, InvalidReading, Times, Values, is_asset_name
from tfstream.errors import BadData

if TYPE_CHECKING:
    import pandas as pd

_TIME_NAMES = ("ts", "timestamp", "time", "datetime", "date")
_LABEL_NAMES = ("label", "labels", "anomaly", "is_anomaly", "changepoint")
_ASSET_NAME = "asset"


@dataclass(frozen=True, kw_only=True)
class SensorTable:
    """``assets [rows]``, ``times_us [rows]``, ``values [rows, sensors]``, NaN where a cell is empty."""

    source: str
    sensors: tuple[str, ...]
    assets: list[str]
    times_us: Times
    values: Values

    def in_order_of_time(self) -> SensorTable:
        """The same rows, earliest first; rows of the same moment stay in the file's order."""
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
    """Read a ``.csv`` (also ``.csv.gz``) or ``.parquet`` file.

    The time column is found by its usual names; label columns are never sensors. The asset is a column's, or
    ``asset``, or else the file's name.

    :raises BadData: when the file cannot be read as that, with the column or row to look at.
    """
    frame = _read(path, rows)
    return _table(frame, path, time_column, asset_column, asset, ignore)


def read_labelled(
    path: Path, *, label_column: str, time_column: str | None = None, ignore: Sequence[str] = ()
) -> tuple[SensorTable, NDArray[np.bool_]]:
    """A file as :func:`read_table` reads it, and which of its rows are labelled anomalous: ``[rows]``.

    :raises BadData: when the file cannot be read so, or its labels are anything but 0 and 1.
    """
    frame = _read(path, None)
    if label_column not in frame.columns:
        raise BadData(
            f"{path} has no label column {label_column!r}; name it with --label-column "
            f"(it has {', '.join(map(str, frame.columns))})"
        )
    labels = _labels(frame[label_column], path)
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
    times_us = _times(frame[time_name], path)
    asset_name = _asset_column(frame, asset_column, path)
    assets = _assets(frame, asset_name, asset or path.name.split(".")[0], path)
    skipped = {time_name, asset_name, *_known(frame, ignore, path)}
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
        values=_numbers(frame[names], path),
    )


def train_rows_beside(path: Path) -> int:
    """How many rows at the beginning of a file are normal: ``train_rows`` of its ``series`` in ``index.csv``.

    :raises BadData: when there is no such index beside the file, or it does not know the file.
    """
    index = path.with_name("index.csv")
    if not index.is_file():
        raise BadData(
            f"{path}: say with --train-rows how many of its first rows are normal (no {index} tells)"
        )
    frame = _read(index, None)
    _known(frame, ["series", "train_rows"], index)
    rows = frame.loc[frame["series"].astype(str) == path.name.split(".")[0], "train_rows"]
    if len(rows) != 1 or rows.dtype.kind not in "iu" or rows.iloc[0] < 1:
        raise BadData(f"{index} does not say how many rows of {path.name} to learn from; use --train-rows")
    return int(rows.iloc[0])


def guess_interval_us(assets: Sequence[str], times_us: Times) -> int | None:
    """The usual step between an asset's readings, to the millisecond; None when no asset has two."""
    codes = np.unique(np.array(assets), return_inverse=True)[1]
    order = np.lexsort((times_us, codes))
    steps = np.diff(times_us[order])[np.diff(codes[order]) == 0]
    steps = steps[steps > 0]
    if not len(steps):
        return None
    return max(round(float(np.median(steps)) / 1000), 1) * 1000


def _read(path: Path, rows: int | None) -> pd.DataFrame:
    import pandas as pd  # takes half a second to import: most commands do without

    if not path.is_file():
        raise BadData(f"there is no file {path}")
    try:
        if path.suffix == ".parquet":
            frame = pd.read_parquet(path).reset_index(drop=False)
            frame = frame.drop(columns=[name for name in ("index",) if name in frame.columns])
            frame = frame if rows is None else frame.head(rows)
        elif path.name.endswith((".csv", ".csv.gz", ".txt")):
            with warnings.catch_warnings(category=pd.errors.ParserWarning, action="error"):
                frame = pd.read_csv(path, sep=_separator(path), nrows=rows, index_col=False)
        else:
            raise BadData(f"{path} is neither .csv nor .parquet")
    except pd.errors.ParserWarning:
        raise BadData(
            f"{path} has rows with more fields than its header; is there a separator too many?"
        ) from None
    except (ValueError, OSError, EOFError, zlib.error) as error:
        reason = str(error).strip().splitlines()[0]
        raise BadData(f"{path} cannot be read: {reason}") from None
    if frame.empty:
        raise BadData(f"{path} has no rows")
    return frame


def _separator(path: Path) -> str:
    """``;`` where the header has more of them than commas; compressed files have commas."""
    if path.suffix == ".gz":
        return ","
    with path.open(encoding="utf-8", errors="replace") as file:
        header = file.readline()
    return ";" if header.count(";") > header.count(",") else ","


def _time_column(frame: pd.DataFrame, named: str | None, path: Path) -> str:
    if named is not None:
        _known(frame, [named], path)
        return named
    found = [str(name) for name in frame.columns if str(name).lower() in _TIME_NAMES]
    if not found:
        raise BadData(f"{path} has no time column ({', '.join(_TIME_NAMES)}); name it with --time-column")
    return min(found, key=lambda name: _TIME_NAMES.index(name.lower()))


def _asset_column(frame: pd.DataFrame, named: str | None, path: Path) -> str | None:
    if named is not None:
        _known(frame, [named], path)
        return named
    return _ASSET_NAME if _ASSET_NAME in frame.columns else None


def _known(frame: pd.DataFrame, names: Iterable[str], path: Path) -> list[str]:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise BadData(
            f"{path} has no column {', '.join(missing)}; it has {', '.join(map(str, frame.columns))}"
        )
    return list(names)


def _assets(frame: pd.DataFrame, column: str | None, name: str, path: Path) -> list[str]:
    if column is None:
        names = [name] * len(frame)
    else:
        missing = frame[column].isna()
        if missing.any():
            raise BadData(f"{path}, row {int(missing.argmax()) + 1}: the asset is missing")
        names = [str(asset) for asset in frame[column]]
    wrong = next((asset for asset in dict.fromkeys(names) if not is_asset_name(asset)), None)
    if wrong is not None:
        raise BadData(
            f"{path}: the asset name {wrong[:40]!r} is empty, unprintable or longer than {MAX_ASSET_LENGTH}"
        )
    return names


def _labels(column: pd.Series, path: Path) -> NDArray[np.bool_]:
    """0 and 1, in whatever type they are written."""
    import pandas as pd  # as in _read

    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = ~np.isin(numbers, (0.0, 1.0))
    if wrong.any():
        row = int(wrong.argmax())
        raise BadData(f"{path}, row {row + 1}: the label {column.iloc[row]!s} is neither 0 nor 1")
    labels: NDArray[np.bool_] = numbers == 1.0
    return labels


def _times(column: pd.Series, path: Path) -> Times:
    """Microseconds; text, numbers and Parquet's own timestamps."""
    if column.dtype.kind == "M":
        if column.isna().any():
            raise BadData(f"{path}, row {int(column.isna().argmax()) + 1}: the time is missing")
        naive = column.dt.tz_convert("UTC").dt.tz_localize(None) if column.dt.tz is not None else column
        return naive.to_numpy().astype("datetime64[us]").astype(np.int64)
    times = np.empty(len(column), dtype=np.int64)
    for row, raw in enumerate(column.tolist()):
        try:
            times[row] = _time(raw)
        except InvalidReading as invalid:
            raise BadData(f"{path}, row {row + 1}: {invalid}") from None
    return times


def _time(raw: Any) -> int:
    """:raises InvalidReading: when it is no time."""
    if isinstance(raw, date):
        raw = raw.isoformat()
    if not isinstance(raw, str | int | float | None):
        raise InvalidReading(f"the time {raw!r} is neither ISO 8601 nor a number")
    return read_auto(None if raw != raw else raw)


def _numbers(frame: pd.DataFrame, path: Path) -> Values:
    """Numbers as float32; what float32 cannot hold becomes NaN."""
    wrong = [str(name) for name in frame.columns if frame[name].dtype.kind not in "biuf"]
    if wrong:
        raise BadData(
            f"{path}: the columns {', '.join(wrong[:5])} are not numbers; leave them out with --ignore NAME"
        )
    with np.errstate(over="ignore"):
        values = frame.to_numpy(dtype=np.float32, na_value=np.nan, copy=True)
    values[~np.isfinite(values)] = np.nan
    return values
