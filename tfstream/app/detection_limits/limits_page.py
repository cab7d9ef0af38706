"""The detection limits of a model as an HTML page."""

from __future__ import annotations

from html import escape

from tfstream.app.detection_limits.limit_words import (
    limit_columns,
    limit_notes,
    limit_rows,
    limit_title,
)
from tfstream.app.html.elements import table
from tfstream.app.html.page import render_page
from tfstream.core.faults.sensor_faults import SensorFault
from tfstream.core.learning.detection_limits import DetectionLimits


def render_limits(topic: str, version: int, limits: DetectionLimits) -> str:
    """The page as text, self-contained: without scripts and network access."""
    title = f"What model version {version} does not see"
    lines = "".join(f"<p>{escape(line)}</p>" for line in [limit_title(limits), *limit_notes(limits)])
    rows = [[escape(cell) for cell in row] for row in limit_rows(limits)]
    body = (
        f'<h1>{escape(title)}</h1><p class="muted">{escape(topic)}</p>'
        f'<div class="tiles">{_tiles(limits)}</div>{lines}'
        f'<div class="card">{table(limit_columns(limits), rows)}</div>'
    )
    return render_page(title, body)


def _tiles(limits: DetectionLimits) -> str:
    """How many sensors have no limit, by the kind of fault, and for how many nobody vouches."""
    missed = [(fault, limits.of_kind(fault)) for fault in SensorFault]
    tiles = [
        (f"{sum(not limit.found for limit in own)} of {len(own)}", f"sensors: {fault.value} not found")
        for fault, own in missed
        if own
    ]
    if limits.compared:
        tiles.append(
            (f"{len(limits.unpredicted)} of {len(limits.sensors)}", "sensors: nobody vouches for them")
        )
    return "".join(f'<div class="card"><b>{escape(count)}</b>{escape(what)}</div>' for count, what in tiles)
