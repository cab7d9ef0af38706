"""The quality study: its parts, in the order of ``docs/quality.md``, and the page's introduction."""

from __future__ import annotations

from tests.studies.parts import Study

_INTRO = """# Quality

`make quality` measures these results and writes this page from the JSON files in `quality/`; do not edit it
by hand. [evaluation.md](evaluation.md) describes how scores and alarms are measured. Targets stand beside the
results, with the word *met* or *missed*.

`±` is the standard deviation over seeds. VUS-PR under *whole series* includes the training rows, as in
TSB-AD; *test rows* are the rows after them, which is what a user gets. The seconds under a section are those
of its last run; results that an earlier run had finished are not computed again.
"""
STUDY = Study(
    package="tests.studies.quality",
    parts=(
        "alarms",
        "demo",
        "suites",
        "ablation",
        "budget",
        "attribution",
        "limits",
        "speed",
        "robustness",
        "gate",
    ),
    intro=_INTRO,
)
