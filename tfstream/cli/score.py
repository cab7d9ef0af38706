"""``tfstream score``."""

from __future__ import annotations

from typing import Annotated

import typer

from tfstream import config, wiring
from tfstream.app.runtime.human_units import counted
from tfstream.app.runtime.metrics import MetricBoard
from tfstream.app.runtime.parent_death import end_with_parent
from tfstream.cli import score_workers
from tfstream.cli.options.option_groups import with_option_groups
from tfstream.cli.options.process_options import WorkerProcessOptions, running_process
from tfstream.cli.options.score_options import ScoringOptions
from tfstream.cli.options.shared import Topic
from tfstream.cli.output.printing import print_status

Parent = Annotated[
    int | None,
    typer.Option("--parent", hidden=True, help="Drain when the process with this id ends."),
]


@with_option_groups
def score(
    topic: Topic, scoring: ScoringOptions, process: WorkerProcessOptions, parent: Parent = None
) -> None:
    """Score a topic with its champion: write anomalies to Kafka, and from there to Postgres.

    Run one or more for every stream, at most one for each partition; they share the partitions.
    """
    request = scoring.request(topic)
    if scoring.workers > 1:
        score_workers.run(request, scoring.workers, process)
        return
    board = MetricBoard()
    with running_process(process, board) as stop:
        if parent is not None:
            end_with_parent(parent)
        progress = wiring.score(config.load(), request, stop, board)
    print_status(
        f"{counted(progress.records, 'message')}, {counted(progress.windows, 'window')} scored, "
        f"{counted(progress.commits, 'commit')}, {counted(progress.dead_letters, 'dead letter')}"
    )
