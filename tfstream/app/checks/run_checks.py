"""``tfstream check``: checks every service and every part of a stream, in the order of their dependence."""

from __future__ import annotations

from collections.abc import Callable

from tfstream.app.checks import scorer_checks, service_checks, storage_checks, stream_checks
from tfstream.app.checks.check_context import CheckContext, CheckResult, run_check
from tfstream.config import Settings
from tfstream.storage import streams

_Check = Callable[[CheckContext], str]
_SERVICE_CHECKS: tuple[tuple[str, _Check], ...] = (
    ("kafka", service_checks.kafka),
    ("database", service_checks.database),
    ("migrations", service_checks.migrations),
)
_STREAM_CHECKS: tuple[tuple[str, _Check], ...] = (
    ("stream", stream_checks.definition),
    ("topics", stream_checks.output_topics),
    ("model", stream_checks.model),
    ("scorers", scorer_checks.scorers),
    ("scorer lag", scorer_checks.lag),
    ("dead-letter limit", scorer_checks.dead_letter_limit),
    ("dead letters", scorer_checks.dead_letters),
    ("feeds", storage_checks.consumers),
    ("freshness", storage_checks.freshness),
)


def run_checks(settings: Settings, topic: str | None, group: str | None = None) -> list[CheckResult]:
    """Results of the service checks, then of the stream checks of one topic or of every defined stream."""
    context = CheckContext(settings, topic or "", group)
    for name, check in _SERVICE_CHECKS:
        run_check(context, name, check)
    for each_topic in [topic] if topic else _defined_topics(context):
        context.topic, context.stream = each_topic, None
        for name, check in _STREAM_CHECKS:
            run_check(context, f"{each_topic}: {name}", check)
    return context.results


def _defined_topics(context: CheckContext) -> list[str]:
    """No topic when the database cannot be used."""
    if context.database is None:
        return []
    with context.database.begin() as connection:
        return streams.topics(connection)
