"""``python -m tests.studies.chaos --minutes 30 --seed 1``: writes ``docs/reliability.md``."""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import confluent_kafka
import psycopg
import torch

from tests.studies.chaos import reliability_page
from tests.studies.chaos.chaos_run import ChaosSettings, run_chaos
from tests.studies.chaos.chaos_services import ChaosServices
from tests.studies.chaos.control import run_control
from tests.studies.chaos.fault_plan import plan_faults
from tests.studies.chaos.scenarios import SCENARIOS
from tests.studies.provenance import code_version, machine, today
from tests.studies.study_command import log_with_time, require_kafka
from tfstream import __version__
from tfstream.errors import TfstreamError

_CODE = ("tfstream", "migrations", "tests/studies/chaos", "tests/integration")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 1 when there are differences or broken promises."""
    options = _parser().parse_args(arguments)
    if options.render:
        log_with_time(str(reliability_page.write_page(options.docs)))
        return 0
    try:
        with tempfile.TemporaryDirectory(prefix="tfstream-chaos-") as folder:
            return _run(options, Path(options.keep or folder))
    except TfstreamError as error:
        log_with_time(f"error: {error}")
        return error.exit_code


def _run(options: argparse.Namespace, folder: Path) -> int:
    home = require_kafka("chaos")
    began, code = time.monotonic(), code_version(_CODE)  # files may change during the run
    with ChaosServices(home, folder) as services:
        provenance = _provenance(services, code)
        until = time.monotonic() + 60 * options.minutes
        settings = ChaosSettings(seed=options.seed)
        chaos = run_chaos(services, plan_faults(options.seed), settings, log_with_time, until)
        log_with_time("the control: scorers without the rewind offset")
        control = run_control(services, options.seed, log_with_time)
        scenarios = [scenario(services, options.seed, log_with_time) for scenario in SCENARIOS]
    command = f"make chaos MINUTES={options.minutes:g} SEED={options.seed}"
    document = reliability_page.as_json(
        chaos, control, scenarios, provenance, command=command, seconds=time.monotonic() - began
    )
    log_with_time(str(reliability_page.write(document, options.docs)))
    for line in [*chaos.broken, *(line for scenario in scenarios for line in scenario.broken)]:
        log_with_time(line)
    log_with_time("passed: no differences" if document["passed"] else "FAILED: there are differences")
    return 0 if document["passed"] else 1


def _provenance(services: ChaosServices, code: str) -> dict[str, Any]:
    return {
        "commit": code,
        "date": today(),
        "machine": machine(),
        "versions": {
            "tfstream": __version__,
            "Apache Kafka": services.kafka_version,
            "PostgreSQL": _postgres_version(services.postgres.url),
            "librdkafka": confluent_kafka.libversion()[0],
            "Python": platform.python_version(),
            "torch": str(torch.__version__),
        },
    }


def _postgres_version(url: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    assert row is not None
    return str(row[0])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.studies.chaos",
        description="Apply faults to a running stream and compare its results with an undisturbed pass.",
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="duration of the faults (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="decides faults and readings (%(default)s)")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="folder of the page (%(default)s)")
    parser.add_argument("--keep", type=Path, help="keep data and logs in this folder")
    parser.add_argument("--render", action="store_true", help="only write the page from its JSON file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
