"""The detection limits of a model, as `train` and `models show` print them."""

from __future__ import annotations

from typing import Any

import pytest

from tfstream.cli.output import printing
from tfstream.cli.output.limits_output import print_detection_limits
from tfstream.core.learning.detection_limits import DetectionLimits, FaultLimit, SensorLimits


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal wide enough for a row of the table."""
    monkeypatch.setattr(printing.out, "width", 200)


def metrics(
    offsets: list[float | None], predicted: list[float | None], *, compared: bool = True
) -> dict[str, Any]:
    sensors = tuple(
        SensorLimits(
            sensor=f"s{number}",
            deviation=0.2,
            limits={
                "offset": FaultLimit(deviations=offset, size=None if offset is None else 0.2 * offset),
                "stuck": FaultLimit(after_s=1440.0),
            },
            predicted=share,
        )
        for number, (offset, share) in enumerate(zip(offsets, predicted, strict=True))
    )
    limits = DetectionLimits(
        within_s=28_800.0,
        budget_per_week=2.0,
        sites=3,
        assets=("line-1",),
        largest=8.0,
        sensors=sensors,
        untested=("total",),
        compared=compared,
    )
    return {"detection_limits": limits.as_metrics()}


def text(capsys: pytest.CaptureFixture[str], stored: dict[str, Any], *, every: bool = False) -> str:
    print_detection_limits(stored, every_sensor=every)
    return " ".join(capsys.readouterr().out.split())


def test_the_sensors_with_the_largest_limits_come_first(capsys: pytest.CaptureFixture[str]) -> None:
    printed = text(capsys, metrics([0.5, None, 2.0], [0.9, 0.1, 0.5]))
    assert "raise an alarm within 8 h at a budget of 2 a week" in printed
    assert "sensor offset drift in 8 h noise stuck predicted by the others" in printed
    rows = ["s1 not found - - after 24 min 10%", "s2 2 (0.4) - - after 24 min 50%", "s0 0.5 (0.1) - -"]
    assert [printed.index(row) for row in rows] == sorted(printed.index(row) for row in rows)
    assert "no other sensor vouches for s1: the others predict less than 25%" in printed
    assert "not tested: total" in printed


def test_train_prints_the_worst_sensors_only(capsys: pytest.CaptureFixture[str]) -> None:
    many = metrics([1.0] * 20, [0.0] * 20)
    short = text(capsys, many)
    assert "12 more sensors with smaller limits: see `tfstream models show`" in short
    assert "s7 and 12 more: the others predict" in short
    assert "s19 1 (0.2)" in text(capsys, many, every=True)


def test_streams_without_a_witness_of_levels_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    printed = text(capsys, metrics([1.0], [None], compared=False))
    assert "no sensor vouches for another: no witness compares the levels of the sensors" in printed


def test_nothing_is_printed_where_nothing_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert text(capsys, {}) == ""
