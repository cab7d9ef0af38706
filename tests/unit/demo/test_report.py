"""The report says what happened, stands alone, and its plots put things where they belong."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from tfstream.demo.fault_outcomes import DetectedEpisode, compare
from tfstream.demo.plant.faults import PlantFault, PlantFaultKind
from tfstream.demo.report import DemoReport, ReportEpisode, SensorPlot, Timeline, render

MINUTE_US = 60_000_000
START_US = 1_767_225_600_000_000
_VOID = {"meta", "br"}


class Reader(HTMLParser):
    """The page's text, and whether every tag that opens closes in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


def at(minute: int) -> int:
    return START_US + minute * MINUTE_US


def sensor(name: str) -> SensorPlot:
    times = START_US + MINUTE_US * np.arange(60, 180, dtype=np.int64)
    actual = np.linspace(1.0, 2.0, 120, dtype=np.float32)
    expected = np.where(np.arange(15) < 3, np.nan, 1.5).astype(np.float32)
    return SensorPlot(
        sensor=name,
        share=0.75,
        changed="level 2, expected <1",
        times_us=times,
        actual=actual,
        expected_times_us=times[::8],
        expected=expected,
    )


@pytest.fixture
def report() -> DemoReport:
    faults = (
        PlantFault(
            asset="north", kind=PlantFaultKind.STUCK, sensors=("LIT<1>",), start_us=at(100), end_us=at(150)
        ),
        PlantFault(
            asset="north", kind=PlantFaultKind.NOISE, sensors=("P1",), start_us=at(300), end_us=at(360)
        ),
    )
    hit = DetectedEpisode(
        episode="aaaaaaaa-1", asset="north", start_us=at(120), end_us=at(160), sensors=("LIT<1>",)
    )
    stray = DetectedEpisode(
        episode="bbbbbbbb-2", asset="north", start_us=at(500), end_us=None, sensors=("P2",)
    )
    episodes = tuple(
        ReportEpisode(
            episode=each.episode,
            asset=each.asset,
            kind="process",
            raised_us=each.start_us,
            ended_us=each.end_us,
            score=9.0,
            threshold=3.0,
            expected_per_week=0.01,
            plots=(sensor(each.sensors[0]),),
        )
        for each in (hit, stray)
    )
    times = START_US + 8 * MINUTE_US * np.arange(90, dtype=np.int64)
    line = Timeline(asset="north", times_us=times, score=np.full(90, 1.5), threshold=np.full(90, 3.0))
    return DemoReport(
        title="A & B",
        facts=(("broker", "mock"),),
        timelines=(line,),
        episodes=episodes,
        comparison=compare((hit, stray), faults, grace_us=MINUTE_US),
        commands=(("SQL", "SELECT 1 WHERE 1 < 2"),),
    )


def test_the_page_is_whole_and_stands_alone(report: DemoReport) -> None:
    page = render(report)
    reader = read(page)
    assert not {"script", "link", "img", "iframe"} & set(reader.tags)
    assert not re.search(r"https?://|@import|url\(", page)
    assert "prefers-color-scheme: dark" in page


def test_found_missed_and_false_are_told(report: DemoReport) -> None:
    text = " ".join(read(render(report)).text)
    assert "1 of 2" in text
    assert "20 min" in text
    assert text.count("missed") == 1
    assert "ranked 1" in text
    assert "stuck at one value, LIT<1>" in text
    assert "level 2, expected <1" in text
    assert "once in 1.9 years" in text
    assert "SELECT 1 WHERE 1 < 2" in text


def test_every_link_has_its_episode(report: DemoReport) -> None:
    page = render(report)
    links = re.findall(r'href="#([^"]+)"', page)
    assert sorted(links) == ["aaaaaaaa-1", "bbbbbbbb-2"]
    assert all(f'id="{link}"' in page for link in links)


def test_names_cannot_break_the_page(report: DemoReport) -> None:
    page = render(replace(report, title='<script>alert("x")</script>'))
    assert "script" not in read(page).tags
    assert "LIT<1>" not in page


def test_a_run_without_any_alarm_is_told_too(report: DemoReport) -> None:
    faults = [verdict.fault for verdict in report.comparison.verdicts]
    quiet = replace(report, episodes=(), comparison=compare((), faults, grace_us=0))
    text = " ".join(read(render(quiet)).text)
    assert "0 of 2" in text
    assert text.count("missed") == 2
    assert "None." in text


def test_scores_of_zero_and_missing_scores_are_drawn(report: DemoReport) -> None:
    score = np.where(np.arange(90) < 40, 0.0, np.nan)
    line = replace(report.timelines[0], score=score)
    page = render(replace(report, timelines=(line,)))
    assert "nan" not in page
    assert "inf" not in page
