"""Reading a process's metrics as Prometheus does."""

from __future__ import annotations

from urllib.error import URLError
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from tfstream.app.scoring.status import IdleReason


def scrape(port: int, name: str, **labels: str) -> list[float]:
    """The values of a metric's samples with these labels; none while nobody listens."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    except (URLError, ConnectionError):
        return []
    return [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]


def idle_reason(port: int) -> str | None:
    """Why a scorer says that it scores nothing; None while windows are scored, or nobody listens."""
    return next(
        (one for one in IdleReason if scrape(port, "tfstream_not_scoring", reason=one) == [1.0]), None
    )
