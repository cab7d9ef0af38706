"""``python -m tests.studies.benchmark PART...``: measure speed and write ``docs/performance.md``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.studies.benchmark.bench import Bench
from tests.studies.benchmark.settings import BenchmarkSettings
from tests.studies.benchmark.study import DEFAULT_PARTS, STUDY
from tests.studies.parts import save_part
from tests.studies.provenance import with_provenance
from tests.studies.study_command import run_parts
from tfstream.cli.output.printing import plain


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # stops the services, too
    settings = BenchmarkSettings(quick=options.quick, folder=options.out, work=options.work)
    names = [] if options.render else options.parts or list(DEFAULT_PARTS)
    with Bench(settings) as bench:
        return run_parts(STUDY, names, settings.folder, lambda name: _measure(name, bench))


def _measure(name: str, bench: Bench) -> None:
    """Measure one part and save its JSON file."""
    began = time.monotonic()
    figures = plain(STUDY.part(name).measure(bench))
    settings = bench.settings
    document = with_provenance(
        name,
        figures,
        command=f"python -m tests.studies.benchmark {name}" + (" --quick" if settings.quick else ""),
        reduced="fewer rows, rounds and seconds (`--quick`)" if settings.quick else None,
        seconds=time.monotonic() - began,
        processes=os.cpu_count() or 1,
        code=("tfstream", "tests/studies/benchmark"),
        packages=("confluent-kafka", "msgspec"),
    )
    save_part(settings.folder, name, document)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.studies.benchmark", description="Measure how fast tfstream is."
    )
    # Without choices: argparse would reject an empty list of parts as an unknown choice.
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"{', '.join(STUDY.parts)}; default: all but runtimes"
    )
    parser.add_argument("--quick", action="store_true", help="a reduced run that only checks that it works")
    parser.add_argument(
        "--out", type=Path, default=BenchmarkSettings.folder, help="folder of the JSON files (%(default)s)"
    )
    parser.add_argument(
        "--work", type=Path, default=BenchmarkSettings.work, help="folder for installed peers (%(default)s)"
    )
    parser.add_argument("--render", action="store_true", help="only write the page from its JSON files")
    return parser


if __name__ == "__main__":
    sys.exit(main())
