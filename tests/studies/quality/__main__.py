"""``python -m tests.studies.quality PART...``: measure parts of the study, write ``docs/quality.md``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.studies.quality import document
from tests.studies.quality.jobs import err
from tests.studies.quality.parts import PARTS, part
from tests.studies.quality.provenance import wrapped
from tests.studies.quality.settings import CACHE, Settings, default_data
from tfstream.cli.output import plain
from tfstream.errors import TfstreamError, UsageError


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    options = _parser().parse_args(arguments)
    settings = Settings(
        data=options.data,
        seeds=options.seeds,
        processes=options.processes,
        folder=options.out,
        files=options.files,
        cache=options.cache,
    )
    names = [] if options.render else options.parts or list(PARTS)
    if unknown := set(names) - set(PARTS):
        err.print(f"error: no such part: {', '.join(sorted(unknown))}")
        return UsageError.exit_code
    try:
        for name in sorted(names, key=PARTS.index):
            _measure(name, settings)
        err.print(str(document.write(settings.folder, part)))
    except TfstreamError as error:
        err.print(f"error: {error}")
        return error.exit_code
    return 0


def _measure(name: str, settings: Settings) -> None:
    """One part, and its JSON file."""
    began = time.monotonic()
    found = plain(part(name).measure(settings))
    document_json = wrapped(name, found, settings, time.monotonic() - began)
    settings.folder.mkdir(parents=True, exist_ok=True)
    place = settings.folder / f"{name}.json"
    place.write_text(json.dumps(document_json, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.studies.quality", description="The quality study.")
    # Not choices: argparse takes a list without any for a choice that does not exist.
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; none: all")
    parser.add_argument("--seeds", type=int, default=3, help="fits of every file (%(default)s)")
    parser.add_argument("--data", type=Path, default=default_data(), help="the folder of labelled suites")
    parser.add_argument("--processes", type=int, default=Settings.processes, help="at once (%(default)s)")
    parser.add_argument("--files", type=int, help="at most so many files of every suite: a reduced run")
    parser.add_argument(
        "--out", type=Path, default=Settings.folder, help="for JSON and pictures (%(default)s)"
    )
    parser.add_argument("--cache", type=Path, default=CACHE, help="finished jobs (%(default)s)")
    parser.add_argument("--render", action="store_true", help="measure nothing, only write the document")
    return parser


if __name__ == "__main__":
    sys.exit(main())
