"""Reads CSV and Parquet files as pandas frames."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tfstream.errors import BadData

if TYPE_CHECKING:
    import pandas as pd


def read_frame(path: Path, rows: int | None = None) -> pd.DataFrame:
    """The whole file, or its first ``rows`` rows.

    :raises BadData: when the file does not exist, is neither CSV nor Parquet, or has no rows.
    """
    import pandas as pd  # its import takes half a second, and most commands do not need it

    if not path.is_file():
        raise BadData(f"there is no file {path}")
    try:
        frame = _read_parquet(path, rows) if path.suffix == ".parquet" else _read_csv(path, rows)
    except pd.errors.ParserWarning:
        raise BadData(
            f"{path} has rows with more fields than its header; does a row hold a separator too many?"
        ) from None
    except (ValueError, OSError, EOFError, zlib.error) as error:
        reason = str(error).strip().splitlines()[0]
        raise BadData(f"{path} cannot be read: {reason}") from None
    if frame.empty:
        raise BadData(f"{path} has no rows")
    return frame


def _read_parquet(path: Path, rows: int | None) -> pd.DataFrame:
    import pandas as pd

    frame = pd.read_parquet(path).reset_index(drop=False)
    frame = frame.drop(columns=[name for name in ("index",) if name in frame.columns])
    return frame if rows is None else frame.head(rows)


def _read_csv(path: Path, rows: int | None) -> pd.DataFrame:
    import pandas as pd

    if not path.name.endswith((".csv", ".csv.gz", ".txt")):
        raise BadData(f"{path} is neither .csv nor .parquet")
    with warnings.catch_warnings(category=pd.errors.ParserWarning, action="error"):
        return pd.read_csv(path, sep=_separator(path), nrows=rows, index_col=False)


def _separator(path: Path) -> str:
    """``;`` where the header has more semicolons than commas; a comma in compressed files."""
    if path.suffix == ".gz":
        return ","
    with path.open(encoding="utf-8", errors="replace") as file:
        header = file.readline()
    return ";" if header.count(";") > header.count(",") else ","


def require_columns(frame: pd.DataFrame, names: Iterable[str], path: Path) -> list[str]:
    """Returns the names as a list.

    :raises BadData: when the frame lacks one of these columns.
    """
    names = list(names)
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise BadData(
            f"{path} has no column {', '.join(missing)}; it has {', '.join(map(str, frame.columns))}"
        )
    return names
