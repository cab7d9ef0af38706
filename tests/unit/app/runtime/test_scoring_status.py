"""The reason why nothing is scored: logged when it changes and every minute, always in the metrics."""

from __future__ import annotations

import logging

import pytest

from tfstream.app.runtime.metrics import NOT_SCORING, MetricBoard
from tfstream.app.runtime.scoring_status import IdleReason, ScoringStatus


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def shown(board: MetricBoard) -> list[str]:
    """The reasons with the value 1."""
    return [sample.labels[2] for sample in board.read() if sample.metric is NOT_SCORING and sample.value == 1]


def test_a_reason_is_logged_once_and_repeated_every_minute(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock, board = Clock(), MetricBoard()
    status = ScoringStatus("t", board, clock)
    for second in range(150):
        clock.now = float(second)
        status.report_idle(IdleReason.NO_MODEL, "no model yet")
    assert caplog.messages == [
        "t: not scoring: no model yet",
        "t: not scoring for 60 s now: no model yet",
        "t: not scoring for 120 s now: no model yet",
    ]
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    assert shown(board) == ["no-model"]


def test_a_reason_that_usually_passes_is_a_warning_only_when_it_lasts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    clock, board = Clock(), MetricBoard()
    status = ScoringStatus("t", board, clock)
    status.report_idle(IdleReason.WINDOWS_FILLING, "3 of 64 rows")
    clock.now = 61.0
    status.report_idle(IdleReason.WINDOWS_FILLING, "40 of 64 rows")
    status.report_scoring()
    status.report_scoring()
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("INFO", "t: not scoring: 3 of 64 rows"),
        ("WARNING", "t: not scoring for 61 s now: 40 of 64 rows"),
        ("INFO", "t: scoring windows, after 61 s of windows-filling"),
    ]
    assert shown(board) == []
    assert len(board.read()) == len(IdleReason)
