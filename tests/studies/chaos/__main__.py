"""``python -m tests.studies.chaos --minutes 30 --seed 1``: the long form, with its report in ``docs/``."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.studies.chaos import report
from tests.studies.chaos.control import control
from tests.studies.chaos.plan import plan
from tests.studies.chaos.provenance import commit, provenance
from tests.studies.chaos.scenarios import SCENARIOS
from tests.studies.chaos.show import Settings, perform
from tests.studies.chaos.stage import Stage
from tfstream.embedded import kafka
from tfstream.errors import ConfigurationError, TfstreamError


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 1 when anything differs."""
    options = _parser().parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="tfstream-chaos-") as folder:
            return _run(options, Path(options.keep or folder))
    except TfstreamError as error:
        _say(f"error: {error}")
        return error.exit_code


def _run(options: argparse.Namespace, folder: Path) -> int:
    home = kafka.find_kafka_home()
    if home is None:
        raise ConfigurationError(
            "chaos needs Apache Kafka: set KAFKA_HOME, install Java 17; see `make kafka`"
        )
    began, code = time.monotonic(), commit()
    with Stage(home, folder) as stage:
        where = provenance(stage, code)
        until = time.monotonic() + 60 * options.minutes
        told = perform(stage, plan(options.seed), Settings(seed=options.seed), _say, until)
        _say("the control: careless scorers")
        careless = control(stage, options.seed, _say)
        findings = [scenario(stage, options.seed, _say) for scenario in SCENARIOS]
    command = f"make chaos MINUTES={options.minutes:g} SEED={options.seed}"
    document = report.as_json(
        told, careless, findings, where, command=command, seconds=time.monotonic() - began
    )
    _say(str(report.write(document, options.docs)))
    for broken in [*told.broken, *(words for finding in findings for words in finding.broken)]:
        _say(broken)
    _say("nothing differs" if document["passed"] else "SOMETHING DIFFERS")
    return 0 if document["passed"] else 1


def _say(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {words}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.studies.chaos", description="Faults done to a stream."
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="of faults (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="decides faults and readings (%(default)s)")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="for the report (%(default)s)")
    parser.add_argument("--keep", type=Path, help="a folder for data and logs, to be kept")
    return parser


if __name__ == "__main__":
    sys.exit(main())
