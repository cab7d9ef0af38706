"""``docs/quality.md`` from the JSON files of the parts that have been measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from tests.studies.quality.parts import PARTS

_INTRO = """# Quality

What the detector reaches, measured by `make quality`, which writes this page from the JSON files in
`quality/`: never by hand. How scores and alarms are measured: `evaluation.md`. Targets stand beside the
figures, met or not.

`±` is the standard deviation over seeds. VUS-PR under *whole series* counts the rows that were learnt from,
too, as TSB-AD does; *test rows* are those after them, and what a user gets. Seconds under a section are those
of its last run: what an earlier one had finished is not computed again.
"""


class Renderer(Protocol):
    """A part, as far as the document needs it."""

    def section(self, found: Mapping[str, Any]) -> str:
        """Markdown from a part's figures alone."""


def write(
    folder: Path,
    find: Callable[[str], Renderer],
    names: Sequence[str] = PARTS,
    intro: str = _INTRO,
) -> Path:
    """Render all parts that have a JSON file in ``folder`` into the document beside it.

    Runs on other machines that somebody has kept, a folder each, stand folded up under the part's own.
    """
    document = folder.with_suffix(".md")
    sections = [
        "\n".join([_section(_read(place), find(name)), *_elsewhere(folder, name, find(name))])
        for name in names
        if (place := folder / f"{name}.json").exists()
    ]
    document.write_text("\n".join([intro, *sections]), encoding="utf-8")
    return document


def _elsewhere(folder: Path, name: str, renderer: Renderer) -> Iterator[str]:
    for place in sorted(folder.glob(f"*/{name}.json"), reverse=True):
        found = _read(place)
        body = _section(found, renderer).partition("\n")[2].strip()
        summary = f"The same on {found['machine']['cpu']}, {found['date']}"
        yield f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>\n"


def _read(place: Path) -> Any:
    return json.loads(place.read_text(encoding="utf-8"))


def table(columns: list[str], rows: list[list[str]]) -> str:
    """A markdown table; all columns but the first are figures."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def figure(value: float | None, digits: int = 3) -> str:
    """A number without the zero before its point, ``-`` where there is none."""
    if value is None:
        return "-"
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 and digits else text


def with_spread(found: Mapping[str, Any], digits: int = 3) -> str:
    """A mean and its spread over the seeds, where there is one."""
    mean = figure(found["mean"], digits)
    return mean if found["spread"] is None else f"{mean} ± {figure(found['spread'], digits)}"


def target(value: float | None, reached: bool, wanted: str) -> list[str]:
    """The last cells of a line that has a target: figure, target, verdict."""
    return [figure(value), wanted, "-" if value is None else "met" if reached else "**missed**"]


def _section(wrapped: Mapping[str, Any], renderer: Renderer) -> str:
    """A part's own words, after a line when it is not the whole of it, and before where they come from."""
    title, _, body = renderer.section(wrapped["found"]).strip().partition("\n")
    reduced = f"\n**Reduced run: {wrapped['reduced']}.**\n" if wrapped["reduced"] else ""
    return f"{title}\n{reduced}{body}\n\n{_source(wrapped)}\n"


def _source(wrapped: Mapping[str, Any]) -> str:
    machine, versions = wrapped["machine"], wrapped["versions"]
    what = (
        f"`{wrapped['command']}`, {wrapped['date']}, commit {wrapped['commit']}: {wrapped['seconds']:.0f} s"
    )
    where = f"{machine['processes']} of {machine['cores']} cores ({machine['cpu']})"
    return f"<sub>{what} on {where}; {', '.join(' '.join(one) for one in versions.items())}.</sub>"
