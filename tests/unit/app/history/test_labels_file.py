"""Files of labelled events."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfstream.app.history.labels_file import read_labels
from tfstream.core.spans import Span
from tfstream.errors import BadData

HOUR_US = 3_600_000_000
MONDAY_US = 1_767_571_200_000_000  # 2026-01-05 00:00 UTC


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_events_by_asset(tmp_path: Path) -> None:
    file = written(
        tmp_path / "labels.csv",
        "asset,start,end,what",
        "p,2026-01-05T02:00:00Z,2026-01-05T03:00:00Z,leak",
        "007,2026-01-05 00:00,2026-01-05T02:00:00+01:00,clog",
        "p,2026-01-05T00:00,2026-01-05T02:30,blade",
    )
    assert read_labels(file) == {
        "p": [Span(MONDAY_US, MONDAY_US + 3 * HOUR_US)],
        "007": [Span(MONDAY_US, MONDAY_US + HOUR_US)],
    }


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("asset,begin,end", "p,2026-01-05,2026-01-06"), "has no column start"),
        (("asset,start,end", "p,2026-01-05,2026-01-06", "p,soon,2026-01-06"), "line 3: 'soon' or"),
        (("asset,start,end", "p,2026-01-05,"), "line 2: '2026-01-05' or '' is not a time"),
        (("asset,start,end", "p,2026-01-06,2026-01-05"), "line 2: an event must end after it begins"),
        (("",), "cannot be read"),
    ],
)
def test_an_error_names_the_line_that_is_not_an_event(
    tmp_path: Path, lines: tuple[str, ...], message: str
) -> None:
    with pytest.raises(BadData, match=message):
        read_labels(written(tmp_path / "labels.csv", *lines))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"labels\.csv cannot be read"):
        read_labels(tmp_path / "labels.csv")
