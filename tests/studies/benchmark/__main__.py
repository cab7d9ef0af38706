"""``python -m tests.studies.benchmark PART...``: measure speed and write ``docs/performance.md`` anew."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.studies.benchmark.bench import Bench
from tests.studies.benchmark.parts import PARTS, USUAL, part
from tests.studies.benchmark.settings import Settings
from tests.studies.benchmark.words import INTRO
from tests.studies.quality import document
from tests.studies.quality.jobs import err
from tests.studies.quality.provenance import recorded
from tfstream.cli.output import plain
from tfstream.errors import TfstreamError, UsageError


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # the services end with us
    settings = Settings(quick=options.quick, folder=options.out, work=options.work)
    names = [] if options.render else options.parts or list(USUAL)
    if unknown := set(names) - set(PARTS):
        err.print(f"error: no such part: {', '.join(sorted(unknown))}")
        return UsageError.exit_code
    try:
        with Bench(settings) as bench:
            for name in sorted(names, key=PARTS.index):
                _measure(name, bench)
        err.print(str(document.write(settings.folder, part, PARTS, INTRO)))
    except TfstreamError as error:
        err.print(f"error: {error}")
        return error.exit_code
    return 0


def _measure(name: str, bench: Bench) -> None:
    """One part, and its JSON file."""
    began = time.monotonic()
    found = plain(part(name).measure(bench))
    settings = bench.settings
    document_json = recorded(
        name,
        found,
        command=f"python -m tests.studies.benchmark {name}" + (" --quick" if settings.quick else ""),
        reduced="less of everything (`--quick`)" if settings.quick else None,
        seconds=time.monotonic() - began,
        processes=os.cpu_count() or 1,
        code=("tfstream", "tests/studies/benchmark"),
        packages=("confluent-kafka", "msgspec"),
    )
    settings.folder.mkdir(parents=True, exist_ok=True)
    place = settings.folder / f"{name}.json"
    place.write_text(json.dumps(document_json, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.studies.benchmark", description="How fast it is.")
    # Not choices: argparse takes a list without any for a choice that does not exist.
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; none: all but runtimes"
    )
    parser.add_argument("--quick", action="store_true", help="less of everything: to see that it works")
    parser.add_argument("--out", type=Path, default=Settings.folder, help="for the JSON (%(default)s)")
    parser.add_argument("--work", type=Path, default=Settings.work, help="for the peers (%(default)s)")
    parser.add_argument("--render", action="store_true", help="measure nothing, only write the document")
    return parser


if __name__ == "__main__":
    sys.exit(main())
