"""The content of the report, without any layout."""

from __future__ import annotations

from dataclasses import dataclass

from tfstream.app.html.chart import Numbers
from tfstream.core.reading import Times
from tfstream.demo.fault_outcomes import Comparison


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """The scores of one asset over the scored day; each array has one entry per hop."""

    asset: str
    times_us: Times
    score: Numbers
    threshold: Numbers


@dataclass(frozen=True, kw_only=True, slots=True)
class SensorPlot:
    """A sensor around an episode, in its own unit, beside the values that the model expected.

    ``share`` is the sensor's part of the episode's evidence. ``change`` says in words which band of the
    sensor changed, from what to what. ``expected`` has its own times and is NaN where it is unknown.
    """

    sensor: str
    share: float
    change: str
    times_us: Times
    actual: Numbers
    expected_times_us: Times
    expected: Numbers


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportEpisode:
    """An episode in the state of its last event. The alarm was raised at ``raised_us``."""

    episode: str
    asset: str
    kind: str
    raised_us: int
    ended_us: int | None
    score: float
    threshold: float
    expected_per_week: float
    witness: str | None
    scale_s: float | None
    reason: str | None
    plots: tuple[SensorPlot, ...]  # the largest share first


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoReport:
    """Everything that the page shows. ``facts``: (label, value); ``commands``: (purpose, command)."""

    title: str
    facts: tuple[tuple[str, str], ...]
    timelines: tuple[Timeline, ...]
    episodes: tuple[ReportEpisode, ...]
    comparison: Comparison
    commands: tuple[tuple[str, str], ...]
