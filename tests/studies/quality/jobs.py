"""Jobs in parallel processes. Results are cached under a hash of code and arguments."""

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
    """``work``, a module-level function that returns what JSON can hold, and its arguments.

    The result depends on the files and folders of ``code``; empty: on the product and the file of ``work``.
    """

    work: Callable[..., Any]
    arguments: dict[str, Any]
    code: tuple[Path, ...] = ()

    @property
    def key(self) -> str:
        """A hash of the code and the arguments."""
        code = [_hash_of(path) for path in self.code or (_CODE, Path(getfile(self.work)))]
        identity = [self.work.__qualname__, self.arguments, code]
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]


def run(jobs: Sequence[Job], settings: QualitySettings, title: str) -> list[Any]:
    """The results of the jobs in their order; only results that are not cached yet are computed.

    Jobs of one file should be neighbours: a process keeps the file for the next job.
    """
    files = [settings.cache / job.work.__name__ / f"{job.key}.json" for job in jobs]
    missing = [i for i, file in enumerate(files) if not file.exists()]
    with _progress(title, done=len(jobs) - len(missing), total=len(jobs)) as advance:
        _compute([(jobs[i], files[i]) for i in missing], settings.processes, advance)
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def _compute(jobs: Sequence[tuple[Job, Path]], processes: int, advance: Callable[[], None]) -> None:
    if not jobs:
        return
    with workers(min(processes, len(jobs))) as pool:
        waiting = {pool.submit(job.work, **job.arguments): file for job, file in jobs}
        try:
            for done in as_completed(waiting):
                _save(waiting[done], done.result())
                advance()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _save(file: Path, result: Any) -> None:
    """Write a result in one step, so that an interruption leaves no part of it. NaN stays NaN."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(result), encoding="utf-8")
    draft.replace(file)


@contextmanager
def _progress(title: str, *, done: int, total: int) -> Iterator[Callable[[], None]]:
    """A progress bar on a terminal, a line for every job elsewhere."""
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
    """The hash of a file, or of all Python files below a folder, committed or not."""
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        digest.update(str(file.relative_to(path.parent)).encode() + file.read_bytes())
    return digest.hexdigest()
