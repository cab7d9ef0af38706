"""``python -m tests.studies.month --seed 1``: a month with and without the gate, for ``docs/learning.md``."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.studies.month import learning_section, picture
from tests.studies.month.deployment import MonthDeployment, services
from tests.studies.month.exam import Exam
from tests.studies.month.figures import figures
from tests.studies.month.month_run import MonthRun, definition
from tests.studies.month.simulated_month import DAY_US, MonthEvent, SimulatedMonth, build, day_us
from tests.studies.parts import save_part
from tests.studies.provenance import with_provenance
from tests.studies.study_command import log_with_time, require_kafka
from tfstream.cli.output.printing import plain
from tfstream.errors import TfstreamError

DAYS = 28
_EXAM_SEED = 77


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    options = _parser().parse_args(arguments)
    try:
        if not options.render:
            _measure(options)
        _render(options.docs)
    except TfstreamError as error:
        log_with_time(f"error: {error}")
        return error.exit_code
    return 0


def _measure(options: argparse.Namespace) -> None:
    """Run the month twice and save its figures as JSON."""
    home = require_kafka("month")
    began = time.monotonic()
    simulated = build(options.seed, options.days)
    exam = Exam(simulated.plant, simulated.days, _EXAM_SEED)
    runs = {name: run_month(simulated, exam, home, gate=name == "gated") for name in ("gated", "control")}
    document = with_provenance(
        "month",
        plain(
            {
                "days": options.days,
                "seed": options.seed,
                "happenings": [_event_json(event) for event in simulated.events],
                "runs": runs,
            }
        ),
        command=_command(options),
        reduced=None,
        seconds=time.monotonic() - began,
        processes=1,
        code=("tfstream", "tests/studies/month"),
    )
    save_part(options.docs / "learning", "month", document)


def _command(options: argparse.Namespace) -> str:
    if options.days == DAYS:
        return f"make month SEED={options.seed}"
    return f"python -m tests.studies.month --seed {options.seed} --days {options.days}"


def _render(docs: Path) -> None:
    """Draw the picture and write the page's section from the JSON file."""
    document = json.loads((docs / "learning" / "month.json").read_text(encoding="utf-8"))
    picture.draw(document["found"], docs / "learning" / "month.svg")
    learning_section.write(document, docs / "learning.md")
    log_with_time(str(docs / "learning.md"))


def run_month(simulated: SimulatedMonth, exam: Exam, kafka_home: Path, *, gate: bool) -> dict[str, Any]:
    """One run through the month on its own services; returns its figures."""
    log_with_time("the month with the gate" if gate else "the control: the month without the gate")
    with (
        tempfile.TemporaryDirectory(prefix="tfstream-month-") as folder,
        services(kafka_home, Path(folder)) as (bootstrap, url),
    ):
        deployment = MonthDeployment(definition(simulated), bootstrap, url, Path(folder))
        month_run = MonthRun(simulated, deployment, gate=gate, log=log_with_time)
        month_run.run()
        log_with_time("the exam of every night's champion")
        return figures(simulated, month_run, deployment, exam)


def _event_json(event: MonthEvent) -> dict[str, Any]:
    return {
        "sort": str(event.kind),
        "asset": event.asset,
        "from_day": (event.start_us - day_us(0)) / DAY_US,
        "to_day": (event.end_us - day_us(0)) / DAY_US,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.studies.month", description="Simulate a month of unattended learning."
    )
    parser.add_argument("--seed", type=int, default=1, help="decides readings and events (%(default)s)")
    parser.add_argument("--days", type=int, default=DAYS, help="days after the first model (%(default)s)")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="folder of the page (%(default)s)")
    parser.add_argument("--render", action="store_true", help="only write the page from its JSON file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
