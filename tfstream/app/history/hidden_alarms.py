"""Which alarms of a backtest exclusions hide; the same rule as the schema's function ``hidden_by``.

``tests/integration/storage/test_hidden_alarms.py`` compares the two on generated cases.
"""

from __future__ import annotations

from collections.abc import Sequence

from tfstream.core.learning.exclusion import Exclusion
from tfstream.core.messages.anomaly_event import SensorShare
from tfstream.core.spans import Span, merge_spans


def is_hidden(
    asset: str,
    episode: Span,
    sensors: Sequence[SensorShare],
    exclusions: Sequence[Exclusion],
    *,
    hop_us: int,
    window_us: int,
) -> bool:
    """Whether exclusions cover all of an episode, its end included.

    Each occurrence is widened by a hop before it and a window after it, as ``hidden_by`` does.
    """
    shares = {sensor.name: sensor.share for sensor in sensors}
    nearby = episode.widened(window_us, hop_us + 1)  # the end is included
    covered = merge_spans(
        occurrence.widened(hop_us, window_us)
        for exclusion in exclusions
        if exclusion.hides(asset, shares)
        for occurrence in exclusion.occurrences(nearby)
    )
    return any(span.start_us <= episode.start_us <= episode.end_us < span.end_us for span in covered)
