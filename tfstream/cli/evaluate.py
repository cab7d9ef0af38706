"""``tfstream evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfstream.cli.budgets import per_week
from tfstream.cli.options import Json


def evaluate(
    files: Annotated[list[Path], typer.Argument(help="Labelled CSV or Parquet files.", show_default=False)],
    label_column: Annotated[str, typer.Option(help="The column that is 1 on anomalous rows.")] = "label",
    time_column: Annotated[str | None, typer.Option(help="The column that holds the time.")] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(help="A column that is no sensor; may be given several times.")
    ] = None,
    train_rows: Annotated[
        int | None,
        typer.Option(
            help="How many first rows to learn from; else an index.csv beside the file says.", min=1
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="So many fits, with the seeds from 0 on.", min=1)] = 1,
    alarm_budget: Annotated[
        str, typer.Option(help="False alarms that the threshold is set for: 1/week, 2/month …")
    ] = "1/week",
    baselines: Annotated[bool, typer.Option("--baselines", help="Simple detectors beside ours.")] = False,
    scores_out: Annotated[
        Path | None, typer.Option(help="Write every row's score to this CSV or Parquet file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure the detector on labelled files: learn from the first rows of each, score it, compare."""
    from tfstream.app.evaluation.evaluate import (
        EvaluationOptions,  # torch takes two seconds: most commands do without
    )
    from tfstream.cli.evaluation_tables import run

    options = EvaluationOptions(
        label_column=label_column,
        time_column=time_column,
        ignore=tuple(ignore or ()),
        train_rows=train_rows,
        seeds=seeds,
        alarm_budget_per_week=per_week(alarm_budget),
        baselines=baselines,
    )
    run(files, options, scores_out, as_json=as_json)
