"""Checks of what a stream needs before it can be scored: its definition, its topics, its model."""

from __future__ import annotations

from tfstream.app.checks.check_context import (
    CheckContext,
    CheckWarning,
    kafka_properties,
    open_connection,
    require_stream,
)
from tfstream.app.detection import champion as champions
from tfstream.app.runtime.human_units import counted
from tfstream.errors import TfstreamError
from tfstream.storage import models, streams
from tfstream.streaming import topics


def definition(context: CheckContext) -> str:
    """The stream is defined."""
    with open_connection(context) as connection:
        context.stream = streams.get(connection, context.topic)
    definition = context.stream.definition
    return f"{counted(len(definition.sensors), 'sensor')} every {definition.interval_us / 1e6:g} s"


def output_topics(context: CheckContext) -> str:
    """The state topic has as many partitions as the sensor topic."""
    properties = kafka_properties(context)
    state_topic = topics.state_topic(context.topic)
    count = topics.require_topic(properties, context.topic)
    state_count = topics.partition_count(properties, state_topic)
    if state_count is None:
        raise CheckWarning(
            "nothing has been scored yet: the output topics do not exist",
            f"run `tfstream score --topic {context.topic}`",
        )
    if state_count != count:
        raise TfstreamError(
            f"{context.topic} has {counted(count, 'partition')} and its state topic {state_count}; "
            f"add partitions to {state_topic}"
        )
    return counted(count, "partition")


def model(context: CheckContext) -> str:
    """The stream has a champion that fits it, calibrated on enough normal data for the alarm budget."""
    stream = require_stream(context)
    with open_connection(context) as connection:
        row = models.champion(connection, stream.id)
    if row is None:
        raise TfstreamError(f"there is no model yet; run `tfstream train --topic {context.topic}`")
    calibration = champions.load(row, stream.definition).detector.calibration
    if calibration.extrapolated(stream.definition.alarm_budget_per_week):
        raise CheckWarning(
            f"version {row.version}: the threshold is extrapolated from {calibration.weeks:.3g} weeks of "
            f"normal data",
            "train on a longer span, or set a larger alarm budget",
        )
    return f"version {row.version} of {row.created_at:%Y-%m-%d %H:%M}"
