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
from tests.studies.month.simulated_month import DAY_US, SimulatedMonth, build, day_us
from tests.studies.provenance import with_provenance
from tfstream.embedded import kafka
from tfstream.errors import ConfigurationError, TfstreamError

DAYS = 28
_EXAM_SEED = 77


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except TfstreamError as error:
        _log(f"error: {error}")
        return error.exit_code


def _run(options: argparse.Namespace) -> int:
    home = kafka.find_kafka_home()
    if home is None:
        raise ConfigurationError("the month needs Apache Kafka: set KAFKA_HOME, install Java 17")
    began = time.monotonic()
    simulated = build(options.seed, options.days)
    exam = Exam(simulated.plant, simulated.days, _EXAM_SEED)
    runs = {name: once(simulated, exam, home, gate=name == "gated") for name in ("gated", "control")}
    found = {
        "days": options.days,
        "seed": options.seed,
        "happenings": [_told(one) for one in simulated.events],
        "runs": runs,
    }
    made = with_provenance(
        "month",
        found,
        command=f"make month SEED={options.seed}",
        reduced=None,
        seconds=time.monotonic() - began,
        processes=1,
        code=("tfstream", "tests/studies/month"),
    )
    folder = options.docs / "learning"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "month.json").write_text(json.dumps(made, indent=1), encoding="utf-8")
    picture.draw(found, folder / "month.svg")
    learning_section.write(made, options.docs / "learning.md")
    return 0


def once(simulated: SimulatedMonth, exam: Exam, kafka_home: Path, *, gate: bool) -> dict[str, Any]:
    """One passage on services of its own."""
    _log("the month with the gate" if gate else "the control: without the gate")
    with (
        tempfile.TemporaryDirectory(prefix="tfstream-month-") as place,
        services(kafka_home, Path(place)) as (bootstrap, url),
    ):
        deployment = MonthDeployment(definition(simulated), bootstrap, url, Path(place))
        month_run = MonthRun(simulated, deployment, gate=gate, log=_log)
        month_run.run()
        _log("the exam of every night's champion")
        return figures(simulated, month_run, deployment, exam)


def _told(one: Any) -> dict[str, Any]:
    return {
        "sort": str(one.sort),
        "asset": one.asset,
        "from_day": (one.start_us - day_us(0)) / DAY_US,
        "to_day": (one.end_us - day_us(0)) / DAY_US,
    }


def _log(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {words}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.studies.month", description="A month of unattended learning."
    )
    parser.add_argument("--seed", type=int, default=1, help="decides all that happens (%(default)s)")
    parser.add_argument("--days", type=int, default=DAYS, help="after the first model (%(default)s)")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="for the page (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
