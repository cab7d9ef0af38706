"""``python -m tests.studies.quality PART...``: measure parts of the study and write ``docs/quality.md``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.studies.parts import save_part
from tests.studies.provenance import with_provenance
from tests.studies.quality.settings import CACHE, QualitySettings, default_data
from tests.studies.quality.study import STUDY
from tests.studies.study_command import run_parts
from tfstream.cli.output.printing import plain


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    options = _parser().parse_args(arguments)
    settings = QualitySettings(
        data=options.data,
        seeds=options.seeds,
        processes=options.processes,
        folder=options.out,
        files=options.files,
        only=options.only,
        method=options.method,
        cache=options.cache,
    )
    names = [] if options.render else options.parts or list(STUDY.parts)
    return run_parts(STUDY, names, settings.folder, lambda name: _measure(name, settings))


def _measure(name: str, settings: QualitySettings) -> None:
    """Measure one part and save its JSON file."""
    began = time.monotonic()
    figures = plain(STUDY.part(name).measure(settings))
    document = with_provenance(
        name,
        figures,
        command=settings.command(name),
        reduced=settings.reduced,
        seconds=time.monotonic() - began,
        processes=settings.processes,
        code=("tfstream", "tests/studies/quality"),
    )
    save_part(settings.folder, name, document)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.studies.quality", description="Measure how well the detector detects."
    )
    # Without choices: argparse would reject an empty list of parts as an unknown choice.
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"{', '.join(STUDY.parts)}; default: all parts"
    )
    parser.add_argument("--seeds", type=int, default=3, help="fits of each file (%(default)s)")
    parser.add_argument("--data", type=Path, default=default_data(), help="folder of the labelled suites")
    parser.add_argument(
        "--processes", type=int, default=QualitySettings.processes, help="parallel processes (%(default)s)"
    )
    parser.add_argument("--files", type=int, help="maximum number of files of each suite: a reduced run")
    parser.add_argument("--only", default="", help="part alarms: only suites whose names contain this text")
    parser.add_argument(
        "--method", default="", help="part alarms: only methods whose names contain this text"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=QualitySettings.folder,
        help="folder of JSON files and pictures (%(default)s)",
    )
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of finished jobs (%(default)s)")
    parser.add_argument("--render", action="store_true", help="only write the page from its JSON files")
    return parser


if __name__ == "__main__":
    sys.exit(main())
