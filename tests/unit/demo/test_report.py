"""The report shows every fault and episode, and needs no other file."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from tfstream.demo.fault_outcomes import DetectedEpisode, compare
from tfstream.demo.plant.faults import PlantFault, PlantFaultKind
from tfstream.demo.report.render_report import render_report
from tfstream.demo.report.report_content import DemoReport, ReportEpisode, SensorPlot, Timeline
from tfstream.demo.report.wording import OTHER_SENSORS_TEXT

MINUTE_US = 60_000_000
START_US = 1_767_225_600_000_000
_VOID = {"meta", "br"}


class PageReader(HTMLParser):
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


def parse(page: str) -> PageReader:
    reader = PageReader()
    reader.feed(page)
    assert reader.open == []
    return reader


def time_us(minute: int) -> int:
    return START_US + minute * MINUTE_US


def sensor_plot(name: str) -> SensorPlot:
    times = START_US + MINUTE_US * np.arange(60, 180, dtype=np.int64)
    actual = np.linspace(1.0, 2.0, 120, dtype=np.float32)
    expected = np.where(np.arange(15) < 3, np.nan, 1.5).astype(np.float32)
    return SensorPlot(
        sensor=name,
        share=0.75,
        change="level 2, expected <1",
        times_us=times,
        actual=actual,
        expected_times_us=times[::8],
        expected=expected,
    )


def fault(kind: PlantFaultKind, sensor: str, first_minute: int, last_minute: int) -> PlantFault:
    return PlantFault(
        asset="north",
        kind=kind,
        sensors=(sensor,),
        start_us=time_us(first_minute),
        end_us=time_us(last_minute),
    )


def episode(name: str, raised_minute: int, ended_minute: int | None, sensor: str) -> DetectedEpisode:
    return DetectedEpisode(
        episode=name,
        asset="north",
        raised_us=time_us(raised_minute),
        ended_us=None if ended_minute is None else time_us(ended_minute),
        sensors=(sensor,),
        main_sensors=(sensor,),
    )


@pytest.fixture
def report() -> DemoReport:
    faults = (
        PlantFault(
            asset="north",
            kind=PlantFaultKind.STUCK,
            sensors=("LIT<1>",),
            start_us=time_us(100),
            end_us=time_us(150),
        ),
        PlantFault(
            asset="north",
            kind=PlantFaultKind.NOISE,
            sensors=("P1",),
            start_us=time_us(300),
            end_us=time_us(360),
        ),
    )
    detected = episode("aaaaaaaa-1", 120, 160, "LIT<1>")
    other = episode("cccccccc-3", 320, 330, "P2")
    false_alarm = episode("bbbbbbbb-2", 500, None, "P2")
    episodes = tuple(
        ReportEpisode(
            episode=detection.episode,
            asset=detection.asset,
            kind="process",
            raised_us=detection.raised_us,
            ended_us=detection.ended_us,
            score=9.0,
            threshold=3.0,
            expected_per_week=0.01,
            witness="levels",
            scale_s=480.0,
            reason="level < 1 < 2",
            plots=(sensor_plot(detection.sensors[0]),),
        )
        for detection in (detected, other, false_alarm)
    )
    times = START_US + 8 * MINUTE_US * np.arange(90, dtype=np.int64)
    timeline = Timeline(asset="north", times_us=times, score=np.full(90, 1.5), threshold=np.full(90, 3.0))
    return DemoReport(
        title="A & B",
        facts=(("broker", "mock"),),
        timelines=(timeline,),
        episodes=episodes,
        comparison=compare((detected, other, false_alarm), faults, interval_us=MINUTE_US),
        commands=(("SQL", "SELECT 1 WHERE 1 < 2"),),
    )


def test_an_episode_names_its_witness(report: DemoReport) -> None:
    words = "levels (the level of each sensor against what the other sensors predict for it), over 8 min"
    assert f"Witness {words}: level &lt; 1 &lt; 2." in render_report(report)


def test_the_page_is_complete_and_loads_nothing(report: DemoReport) -> None:
    page = render_report(report)
    reader = parse(page)
    assert not {"script", "link", "img", "iframe"} & set(reader.tags)
    assert not re.search(r"https?://|@import|url\(", page)
    assert "prefers-color-scheme: dark" in page


def test_detected_and_missed_faults_and_false_alarms_are_shown(report: DemoReport) -> None:
    text = " ".join(parse(render_report(report)).text)
    assert "1 of 2" in text
    assert "20 min" in text
    assert text.count("missed") == 1
    assert "2 false alarms in" in re.sub(r"\s+", " ", text)
    assert "rank 1" in text
    assert "stuck at one value, LIT<1>" in text
    assert "level 2, expected <1" in text
    assert "once in 1.9 years" in text
    assert "SELECT 1 WHERE 1 < 2" in text


def test_an_alarm_that_named_other_sensors_is_shown_as_such(report: DemoReport) -> None:
    text = " ".join(parse(render_report(report)).text)
    assert text.count(OTHER_SENSORS_TEXT) == 1
    assert "false alarm: names other sensors" in text


def test_every_link_leads_to_an_episode(report: DemoReport) -> None:
    page = render_report(report)
    links = re.findall(r'href="#([^"]+)"', page)
    assert sorted(set(links)) == ["aaaaaaaa-1", "bbbbbbbb-2", "cccccccc-3"]
    assert all(f'id="{link}"' in page for link in links)


def test_names_cannot_break_the_page(report: DemoReport) -> None:
    page = render_report(replace(report, title='<script>alert("x")</script>'))
    assert "script" not in parse(page).tags
    assert "LIT<1>" not in page


def test_a_run_without_alarms_has_a_report(report: DemoReport) -> None:
    faults = [outcome.fault for outcome in report.comparison.outcomes]
    quiet = replace(report, episodes=(), comparison=compare((), faults, interval_us=MINUTE_US))
    text = " ".join(parse(render_report(quiet)).text)
    assert "0 of 2" in text
    assert text.count("missed") == 2
    assert "None." in text


def test_scores_of_zero_and_missing_scores_are_drawn(report: DemoReport) -> None:
    score = np.where(np.arange(90) < 40, 0.0, np.nan)
    timeline = replace(report.timelines[0], score=score)
    page = render_report(replace(report, timelines=(timeline,)))
    assert "nan" not in page
    assert "inf" not in page
