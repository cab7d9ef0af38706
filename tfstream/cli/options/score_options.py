"""Options of ``tfstream score``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from tfstream.cli.options.parse import of_option, parse_duration_us
from tfstream.cli.options.shared import Group, UntilEnd
from tfstream.core.messages.dead_letter_limit import DeadLetterLimit
from tfstream.errors import UsageError
from tfstream.wiring import ScoreRequest

_GROUP_PANEL, _OUTPUT_PANEL, _LIMIT_PANEL = "Consumer group", "Output", "Dead-letter limits"
Workers = Annotated[
    int,
    typer.Option(
        envvar="TFSTREAM_WORKERS",
        help="Number of scoring processes to run on this host.",
        min=1,
        rich_help_panel=_GROUP_PANEL,
    ),
]
Static = Annotated[
    bool,
    typer.Option(
        "--static/--dynamic",
        envvar="TFSTREAM_STATIC",
        help="Static membership: keep this process's partitions during a restart, up to the session timeout.",
        rich_help_panel=_GROUP_PANEL,
    ),
]
Slot = Annotated[
    str | None,
    typer.Option(
        envvar="TFSTREAM_SLOT",
        help="Stable name of this process, different for each process; without it, the host's name.",
        rich_help_panel=_GROUP_PANEL,
    ),
]
CommitInterval = Annotated[
    str,
    typer.Option(
        envvar="TFSTREAM_COMMIT_INTERVAL",
        help="Time between two commits; anomalies become visible with a commit.",
        rich_help_panel=_OUTPUT_PANEL,
    ),
]
Start = Annotated[
    str,
    typer.Option(
        envvar="TFSTREAM_START",
        help="Where a group without commits starts to read: earliest or latest. Partitions that are added "
        "later always start at earliest.",
        rich_help_panel=_GROUP_PANEL,
    ),
]
Scores = Annotated[
    bool,
    typer.Option(
        help="Write every score to TOPIC.scores, not only anomalies.", rich_help_panel=_OUTPUT_PANEL
    ),
]
WithSink = Annotated[
    bool,
    typer.Option(
        "--sink/--no-sink",
        help="Also copy anomalies and scores to Postgres from here.",
        rich_help_panel=_OUTPUT_PANEL,
    ),
]
DeadLetterRun = Annotated[
    str,
    typer.Option(
        envvar="TFSTREAM_DEAD_LETTER_RUN",
        help="Stop a partition after more than this number of unreadable messages in a row; 'off' sets no "
        "limit.",
        rich_help_panel=_LIMIT_PANEL,
    ),
]
DeadLetterShare = Annotated[
    str,
    typer.Option(
        envvar="TFSTREAM_DEAD_LETTER_SHARE",
        help="Stop a partition when more than this share (0 to 1) of its latest messages is unreadable; "
        "'off' sets no limit.",
        rich_help_panel=_LIMIT_PANEL,
    ),
]


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoringOptions:
    """What to score, as which member of the group, and what to write."""

    workers: Workers = 1
    static: Static = False
    slot: Slot = None
    group: Group = None
    start: Start = "earliest"
    until_end: UntilEnd = False
    commit_interval: CommitInterval = "1s"
    scores: Scores = True
    with_sink: WithSink = True
    dead_letter_run: DeadLetterRun = "1000"
    dead_letter_share: DeadLetterShare = "0.6"

    def request(self, topic: str) -> ScoreRequest:
        """:raises UsageError: when an option's text cannot be read."""
        if self.start not in ("earliest", "latest"):
            raise UsageError(f"--start must be 'earliest' or 'latest', not {self.start!r}")
        return ScoreRequest(
            topic=topic,
            slot=self.slot,
            static=self.static,
            group=self.group,
            commit_interval_s=of_option("--commit-interval", parse_duration_us, self.commit_interval) / 1e6,
            start=self.start,
            until_end=self.until_end,
            write_scores=self.scores,
            with_sink=self.with_sink,
            dead_letter_limit=parse_dead_letter_limit(self.dead_letter_run, self.dead_letter_share),
        )


def parse_dead_letter_limit(run: str, share: str) -> DeadLetterLimit:
    """:raises UsageError: when a text is neither a number in its range nor 'off'."""
    try:
        limit = DeadLetterLimit(
            run=0 if run == "off" else int(run), share=0.0 if share == "off" else float(share)
        )
    except ValueError:
        limit = DeadLetterLimit(run=-1)
    if limit.run < 0 or not 0 <= limit.share < 1:
        raise UsageError(
            f"--dead-letter-run must be a number of messages and --dead-letter-share a share from 0 to below "
            f"1, or 'off'; not {run!r} and {share!r}"
        )
    return limit
