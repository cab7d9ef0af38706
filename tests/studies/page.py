"""The page of a study: the sections of all parts that have a JSON file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.studies.parts import Study, StudyPart
from tests.studies.provenance import provenance_line


def write_page(folder: Path, study: Study) -> Path:
    """Render all parts that have a JSON file in ``folder`` into the page beside it; returns the page's path.

    Each subfolder holds figures of another machine; they are folded up under the part.
    """
    page = folder.with_suffix(".md")
    sections = [
        "\n".join([_section(_read(file), study.part(name)), *_other_machines(folder, name, study.part(name))])
        for name in study.parts
        if (file := folder / f"{name}.json").exists()
    ]
    page.write_text("\n".join([study.intro, *sections]), encoding="utf-8")
    return page


def _other_machines(folder: Path, name: str, part: StudyPart) -> Iterator[str]:
    for file in sorted(folder.glob(f"*/{name}.json"), reverse=True):
        document = _read(file)
        body = _section(document, part).partition("\n")[2].strip()
        summary = f"The same on {document['machine']['cpu']}, {document['date']}"
        yield f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>\n"


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _section(document: Mapping[str, Any], part: StudyPart) -> str:
    """A part's section; a reduced run is marked under its heading."""
    title, _, body = part.section(document["found"]).strip().partition("\n")
    reduced = f"\n**Reduced run: {document['reduced']}.**\n" if document["reduced"] else ""
    return f"{title}\n{reduced}{body}\n\n{provenance_line(document)}\n"
