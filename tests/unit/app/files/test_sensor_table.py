"""CSV and Parquet files as tables of readings."""

from __future__ import annotations

import gzip
from datetime import date, time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tfstream.app.files.sampling_interval import infer_interval_us
from tfstream.app.files.sensor_table import read_table
from tfstream.errors import BadData

HEADER = "timestamp,a,b,label\n"
ROWS = "2026-01-05 12:00:00,1,2,0\n2026-01-05 12:00:01,,inf,1\n2026-01-05 12:00:02,5,1e300,0\n"


def written(tmp_path: Path, text: str, name: str = "line-1.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_csv(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, HEADER + ROWS))
    assert table.sensors == ("a", "b")
    assert table.assets == ["line-1"] * 3
    assert table.times_us.tolist() == [1_767_614_400_000_000 + i * 1_000_000 for i in range(3)]
    np.testing.assert_array_equal(table.values, np.array([[1, 2], [np.nan, np.nan], [5, np.nan]], np.float32))
    assert infer_interval_us(table.assets, table.times_us) == 1_000_000


def test_other_separators_gzip_and_asset_columns(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "ts;asset;a\n1767614400;x;1\n1767614400000;y;2\n"))
    assert (table.assets, table.sensors) == (["x", "y"], ("a",))
    assert table.times_us[0] == table.times_us[1]
    path = tmp_path / "z.csv.gz"
    path.write_bytes(gzip.compress((HEADER + ROWS).encode()))
    assert read_table(path, rows=2).assets == ["z", "z"]


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    times = pd.date_range("2026-01-05 12:00", periods=3, freq="1min", tz="Europe/Berlin")
    pd.DataFrame({"time": times, "a": [1.0, 2.0, 3.0]}).to_parquet(path)
    table = read_table(path)
    assert table.times_us[0] == 1_767_610_800_000_000
    assert infer_interval_us(table.assets, table.times_us) == 60_000_000


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "cannot be read"),
        (HEADER, "no rows"),
        ("a,b\n1,2\n", "no time column"),
        ("ts,label\n1767614400,0\n", "no sensor column"),
        ("ts,a\nyesterday,1\n", "row 1.*yesterday"),
        ("ts,a\n,1\n", "row 1"),
        ("ts,a,note\n1767614400,1,broken\n", "note.*--ignore"),
        ("ts,asset,a\n1767614400,x,1\n1767614401,,1\n", "row 2: the asset is missing"),
    ],
)
def test_an_error_says_why_a_file_is_unusable(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(BadData, match=reason):
        read_table(written(tmp_path, text))


def test_missing_columns_and_files(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + ROWS)
    with pytest.raises(BadData, match="no column x"):
        read_table(path, ignore=["x"])
    with pytest.raises(BadData, match="no column y"):
        read_table(path, time_column="y")
    with pytest.raises(BadData, match="there is no file"):
        read_table(tmp_path / "nowhere.csv")
    with pytest.raises(BadData, match="neither"):
        read_table(written(tmp_path, "x", "a.xlsx"))


def test_a_truncated_archive(tmp_path: Path) -> None:
    path = tmp_path / "z.csv.gz"
    path.write_bytes(gzip.compress((HEADER + ROWS * 50).encode())[:-20])
    with pytest.raises(BadData, match="cannot be read"):
        read_table(path)


def test_dates_as_times_of_a_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    pd.DataFrame({"date": [date(2026, 1, 5), date(2026, 1, 6)], "a": [1, 2]}).to_parquet(path)
    assert read_table(path).times_us.tolist() == [1_767_571_200_000_000, 1_767_657_600_000_000]
    pd.DataFrame({"date": [time(8), time(9)], "a": [1, 2]}).to_parquet(path)
    with pytest.raises(BadData, match=r"row 1: the time .* is neither"):
        read_table(path)


@pytest.mark.parametrize("name", ["a\tb", "x" * 201])
def test_asset_names_follow_the_rules_of_messages(tmp_path: Path, name: str) -> None:
    path = tmp_path / "p.csv"
    path.write_text("ts,a\n1767600000,1\n1767600001,2\n", encoding="utf-8")
    with pytest.raises(BadData, match="asset name"):
        read_table(path, asset=name)
