"""Work spread over processes, and never done twice: what is finished is kept by what it was made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from inspect import getfile
from pathlib import Path
from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

import tfstream
from tests.studies.processes import workers
from tests.studies.quality.settings import QualitySettings
from tests.studies.study_command import stderr

_CODE = Path(tfstream.__file__).parent


@dataclass(frozen=True, kw_only=True)
class Job:
    """``work``, a function of a module that returns what JSON can hold, and what it is called with."""

    work: Callable[..., Any]
    arguments: dict[str, Any]

    @property
    def key(self) -> str:
        """Other code, other arguments: another key."""
        code = [_hash_of(_CODE), _hash_of(Path(getfile(self.work)))]
        made_of = [self.work.__qualname__, self.arguments, code]
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:32]


def run(jobs: Sequence[Job], settings: QualitySettings, title: str) -> list[Any]:
    """What each job found, in their order; only what is not kept yet is computed.

    Jobs of one file should stand together: a process that reads a file keeps it for the next.
    """
    places = [settings.cache / job.work.__name__ / f"{job.key}.json" for job in jobs]
    missing = [i for i, place in enumerate(places) if not place.exists()]
    with _progress(title, done=len(jobs) - len(missing), total=len(jobs)) as advance:
        _compute([(jobs[i], places[i]) for i in missing], settings.processes, advance)
    return [json.loads(place.read_text(encoding="utf-8")) for place in places]


def _compute(jobs: Sequence[tuple[Job, Path]], processes: int, advance: Callable[[], None]) -> None:
    if not jobs:
        return
    with workers(min(processes, len(jobs))) as pool:
        waiting = {pool.submit(job.work, **job.arguments): place for job, place in jobs}
        try:
            for done in as_completed(waiting):
                _keep(waiting[done], done.result())
                advance()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _keep(place: Path, found: Any) -> None:
    """Whole or not at all, whatever interrupts it. NaN stays NaN here."""
    place.parent.mkdir(parents=True, exist_ok=True)
    half = place.with_suffix(".half")
    half.write_text(json.dumps(found), encoding="utf-8")
    half.replace(place)


@contextmanager
def _progress(title: str, *, done: int, total: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal; elsewhere a line for every job."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, *times, console=stderr, disable=not stderr.is_terminal) as bars:
        task = bars.add_task(title, total=total, completed=done)

        def advance() -> None:
            bars.advance(task)
            if not stderr.is_terminal:
                stderr.print(f"{title}: {bars.tasks[0].completed:.0f} of {total}")

        yield advance


@cache
def _hash_of(path: Path) -> str:
    """Of a file, or of all Python files below a folder, as they lie there: committed or not."""
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    found = hashlib.sha256()
    for file in files:
        found.update(str(file.relative_to(path.parent)).encode() + file.read_bytes())
    return found.hexdigest()
