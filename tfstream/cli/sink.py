"""``tfstream sink``."""

from __future__ import annotations

from tfstream import config, wiring
from tfstream.app.runtime.metrics import MetricBoard
from tfstream.cli.options.option_groups import with_option_groups
from tfstream.cli.options.process_options import ProcessOptions, running_process
from tfstream.cli.options.shared import Topic, UntilEnd


@with_option_groups
def sink(topic: Topic, process: ProcessOptions, until_end: UntilEnd = False) -> None:
    """Copy anomalies and scores from their Kafka topics to Postgres.

    Run it only beside scorers with --no-sink; other scorers do this themselves.
    """
    board = MetricBoard()
    with running_process(process, board) as stop:
        wiring.sink(config.load(), topic, stop, until_end=until_end, board=board)
