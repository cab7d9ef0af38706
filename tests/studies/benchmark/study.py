"""The benchmark: its parts, in the order of ``docs/performance.md``, and the page's introduction."""

from __future__ import annotations

from tests.studies.parts import Study

_INTRO = """# Performance

`make bench` measures these results and writes this page from the JSON files in `performance/`; do not edit it
by hand. Targets stand beside the results, with the word *met* or *missed*. Ratios compare processes that ran
within the same minute on the same core; they mean more than the rates beside them, which are those of one
machine. Results of earlier runs on other machines are folded up under each part.
"""
STUDY = Study(
    package="tests.studies.benchmark",
    parts=(
        "scorer",
        "detector",
        "runtimes",
        "latency",
        "recorder",
        "training_read",
        "restore",
        "memory",
        "scale",
    ),
    intro=_INTRO,
)
DEFAULT_PARTS = tuple(name for name in STUDY.parts if name != "runtimes")  # it downloads and takes minutes
