"""Converts the columns of a frame: times, assets, labels and sensor values.

Every error names the file, and the row or column at fault.
"""

from __future__ import annotations

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


def times_us(column: pd.Series, path: Path) -> Times:
    """``[rows]`` in microseconds since 1970, from text, numbers or Parquet's own timestamps.

    :raises BadData: when a row has no valid time.
    """
    if column.dtype.kind == "M":
        return _timestamps_us(column, path)
    times = np.empty(len(column), dtype=np.int64)
    for row, raw in enumerate(column.tolist()):
        try:
            times[row] = _time_us(raw)
        except InvalidReading as invalid:
            raise BadData(f"{path}, row {row + 1}: {invalid}") from None
    return times


def _timestamps_us(column: pd.Series, path: Path) -> Times:
    if column.isna().any():
        raise BadData(f"{path}, row {int(column.isna().argmax()) + 1}: the time is missing")
    naive = column.dt.tz_convert("UTC").dt.tz_localize(None) if column.dt.tz is not None else column
    return naive.to_numpy().astype("datetime64[us]").astype(np.int64)


def _time_us(raw: Any) -> int:
    """:raises InvalidReading: when the cell is not a time."""
    if isinstance(raw, date):
        raw = raw.isoformat()
    if not isinstance(raw, str | int | float | None):
        raise InvalidReading(f"the time {raw!r} is neither ISO 8601 nor a number")
    is_nan = raw != raw
    return read_auto(None if is_nan else raw)


def asset_names(frame: pd.DataFrame, column: str | None, default: str, path: Path) -> list[str]:
    """The asset of each row, from a column, or ``default`` for all rows where ``column`` is None.

    :raises BadData: when an asset is missing, or its name is not valid.
    """
    if column is None:
        names = [default] * len(frame)
    else:
        missing = frame[column].isna()
        if missing.any():
            raise BadData(f"{path}, row {int(missing.argmax()) + 1}: the asset is missing")
        names = [str(asset) for asset in frame[column]]
    invalid = next((name for name in dict.fromkeys(names) if not is_asset_name(name)), None)
    if invalid is not None:
        raise BadData(
            f"{path}: the asset name {invalid[:40]!r} is empty, unprintable or longer than {MAX_ASSET_LENGTH}"
        )
    return names


def labels(column: pd.Series, path: Path) -> NDArray[np.bool_]:
    """``[rows]``, from the numbers 0 and 1 in any type.

    :raises BadData: when a label is neither 0 nor 1.
    """
    import pandas as pd  # its import takes half a second, and most commands do not need it

    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    invalid = ~np.isin(numbers, (0.0, 1.0))
    if invalid.any():
        row = int(invalid.argmax())
        raise BadData(f"{path}, row {row + 1}: the label {column.iloc[row]!s} is neither 0 nor 1")
    labels: NDArray[np.bool_] = numbers == 1.0
    return labels


def sensor_values(frame: pd.DataFrame, path: Path) -> Values:
    """``[rows, sensors]`` as float32; empty cells and numbers outside of float32 become NaN.

    :raises BadData: when a column does not hold numbers.
    """
    not_numbers = [str(name) for name in frame.columns if frame[name].dtype.kind not in "biuf"]
    if not_numbers:
        raise BadData(
            f"{path}: the columns {', '.join(not_numbers[:5])} are not numbers; leave them out with "
            f"--ignore NAME"
        )
    with np.errstate(over="ignore"):
        values = frame.to_numpy(dtype=np.float32, na_value=np.nan, copy=True)
    values[~np.isfinite(values)] = np.nan
    return values
