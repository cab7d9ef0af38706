"""``tfstream evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfstream.cli.options.parse import of_option, parse_alarm_budget, parse_duration_us
from tfstream.cli.options.shared import Ignore, Json, NewAlarmBudget, TimeColumn

Files = Annotated[list[Path], typer.Argument(help="Labelled CSV or Parquet files.", show_default=False)]
LabelColumn = Annotated[str, typer.Option(help="Column that is 1 on anomalous rows and 0 on others.")]
TrainRows = Annotated[
    int | None,
    typer.Option(
        help="Number of first rows to learn from; without it, train_rows of an index.csv beside the file.",
        min=1,
    ),
]
Seeds = Annotated[int, typer.Option(help="Number of fits, with the seeds 0, 1, 2 and so on.", min=1)]
Baselines = Annotated[bool, typer.Option("--baselines", help="Also measure simple detectors.")]
RefitEvery = Annotated[
    str | None,
    typer.Option(
        help="Refit after every such span of event time, as the trainer does: 12h, 1d, 1w. Without it, the "
        "detector learns once."
    ),
]
ScoresOut = Annotated[
    Path | None, typer.Option(help="Write the score of every row to this CSV or Parquet file.")
]


def evaluate(
    files: Files,
    label_column: LabelColumn = "label",
    time_column: TimeColumn = None,
    ignore: Ignore = None,
    train_rows: TrainRows = None,
    seeds: Seeds = 1,
    alarm_budget: NewAlarmBudget = "1/week",
    refit_every: RefitEvery = None,
    baselines: Baselines = False,
    scores_out: ScoresOut = None,
    as_json: Json = False,
) -> None:
    """Measure the detector on labelled files.

    It learns from the first rows of each file, scores the file, and compares the result with the labels.
    It needs neither Kafka nor PostgreSQL.
    """
    # imports torch: two seconds that most commands save
    from tfstream.app.evaluation.evaluation_options import EvaluationOptions
    from tfstream.cli.output.evaluation_tables import run

    options = EvaluationOptions(
        label_column=label_column,
        time_column=time_column,
        ignore=tuple(ignore or ()),
        train_rows=train_rows,
        seeds=seeds,
        alarm_budget_per_week=of_option("--alarm-budget", parse_alarm_budget, alarm_budget),
        baselines=baselines,
        refit_every_us=None
        if refit_every is None
        else of_option("--refit-every", parse_duration_us, refit_every),
    )
    run(files, options, scores_out, as_json=as_json)
