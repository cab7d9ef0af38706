"""Charts put curves and bands where their times and values are, and keep every peak."""

from __future__ import annotations

import numpy as np
import pytest

from tfstream.app.html.chart import ChartBand, ChartFrame, ChartLine, downsample, draw_chart, value_range

FRAME = ChartFrame(first_us=0, last_us=100, low=0.0, high=10.0)


def test_a_curve_follows_its_values_and_breaks_at_nan() -> None:
    values = np.array([0.0, 10.0, np.nan, 5.0, 5.0])
    line = ChartLine(times_us=np.array([0, 25, 50, 75, 100]), values=values, style="line")
    chart = draw_chart(FRAME, [line], y_labels=[], size="small", label="x")
    assert 'd="M0.0 100.0L250.0 0.0M750.0 50.0L1000.0 50.0"' in chart


def test_a_band_covers_its_span_and_has_its_title() -> None:
    band = ChartBand(start_us=20, end_us=60, title="a < b", style="highlight")
    chart = draw_chart(FRAME, [], [band], y_labels=[], size="small", label="x")
    assert (
        '<rect class="highlight" x="200.0" y="0" width="400.0" height="100"><title>a &lt; b</title>'
    ) in chart


def test_downsampling_keeps_the_peaks() -> None:
    values = np.zeros(50_000)
    values[31_234] = 7.0
    times, highest = downsample(np.arange(50_000, dtype=np.int64), values)
    assert len(times) == len(highest) <= 1200
    assert highest.max() == 7.0


def test_the_range_of_constant_or_missing_values_is_not_empty() -> None:
    assert value_range([np.full(3, 4.0)]) == pytest.approx((3.6, 4.4))
    assert value_range([np.full(3, np.nan)]) == (0.0, 1.0)
