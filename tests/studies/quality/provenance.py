"""Where figures come from: machine, versions, commit, command."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.studies.quality.settings import Settings
from tfstream import __version__

_CPU_INFO = Path("/proc/cpuinfo")


def wrapped(name: str, found: dict[str, Any], settings: Settings, seconds: float) -> dict[str, Any]:
    """A part's figures with everything that it takes to repeat them."""
    return recorded(
        name,
        found,
        command=_command(name, settings),
        reduced=_reduced(settings),
        seconds=seconds,
        processes=settings.processes,
        code=("tfstream", "tests/studies/quality"),
    )


def recorded(
    name: str,
    found: Any,
    *,
    command: str,
    reduced: str | None,
    seconds: float,
    processes: int,
    code: Sequence[str],
    packages: Sequence[str] = (),
) -> dict[str, Any]:
    """Figures beside the command, the machine, the versions and the commit that they come from.

    :param code: the folders whose uncommitted changes are worth a word.
    :param packages: those whose versions matter beside the usual ones.
    """
    return {
        "part": name,
        "command": command,
        "reduced": reduced,
        "commit": _commit(code),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "seconds": round(seconds, 1),
        "machine": {"cpu": _cpu(), "cores": os.cpu_count(), "processes": processes},
        "versions": {
            "tfstream": __version__,
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "numpy": np.__version__,
            **{package: version(package) for package in packages},
        },
        "found": found,
    }


def _command(name: str, settings: Settings) -> str:
    """As it is to be typed; the data's folder is each machine's own affair."""
    files = "" if settings.files is None else f" --files {settings.files}"
    return f"python -m tests.studies.quality {name} --seeds {settings.seeds}{files}"


def _reduced(settings: Settings) -> str | None:
    if settings.files is None:
        return None
    return f"at most {settings.files} of the files of every suite"


def _commit(code: Sequence[str]) -> str:
    """Of the working tree, with a word when the code there is not what was committed."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--", *code)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit}, with changes" if changed else commit


def _git(*arguments: str) -> str:
    found = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def _cpu() -> str:
    """Its name, and what tells its generations apart where the name does not."""
    if _CPU_INFO.exists():
        lines = _CPU_INFO.read_text(encoding="utf-8").splitlines()
        facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if "model name" in facts:
            family, model = facts.get("cpu family", "?"), facts.get("model", "?")
            return f"{facts['model name']}, family {family} model {model}"
    return platform.processor() or platform.machine()
