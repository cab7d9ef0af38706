"""Read a process's metrics as Prometheus does."""

from __future__ import annotations

from urllib.error import URLError
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from tfstream.app.runtime.scoring_status import IdleReason


def scrape(port: int, name: str, **labels: str) -> list[float]:
    """Values of a metric's samples with these labels; empty while no process listens on the port."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
            text = response.read().decode()
    except (URLError, ConnectionError):
        return []
    return [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]


def idle_reason(port: int) -> str | None:
    """Why a scorer scores no windows, from its metrics; None while it scores, or while no process listens."""
    reasons = (
        reason for reason in IdleReason if scrape(port, "tfstream_not_scoring", reason=reason) == [1.0]
    )
    return next(reasons, None)
