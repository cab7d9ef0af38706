"""``tfstream record``."""

from __future__ import annotations

from tfstream import config, wiring
from tfstream.app.runtime.human_units import counted
from tfstream.app.runtime.metrics import MetricBoard
from tfstream.cli.options.option_groups import with_option_groups
from tfstream.cli.options.process_options import ProcessOptions, running_process
from tfstream.cli.options.shared import Topic, UntilEnd
from tfstream.cli.output.printing import print_status


@with_option_groups
def record(topic: Topic, process: ProcessOptions, until_end: UntilEnd = False) -> None:
    """Store a topic's readings in Postgres.

    Run it for every stream: training, `anomalies explain` and `backtest` read the stored readings.
    """
    board = MetricBoard()
    with running_process(process, board) as stop:
        recorder = wiring.record(config.load(), topic, stop, until_end=until_end, board=board)
    print_status(
        f"{counted(recorder.processed, 'message')} processed, {recorder.unreadable} of them unreadable"
    )
