"""Where figures come from: command, commit, date, machine and versions."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tfstream import __version__

_CPU_INFO = Path("/proc/cpuinfo")


def with_provenance(
    part: str,
    figures: Any,
    *,
    command: str,
    reduced: str | None,
    seconds: float,
    processes: int,
    code: Sequence[str],
    packages: Sequence[str] = (),
) -> dict[str, Any]:
    """Figures with the command, the commit, the machine and the versions that produced them.

    :param code: the folders whose uncommitted changes are mentioned.
    :param packages: packages whose versions matter in addition to the usual ones.
    """
    return {
        "part": part,
        "command": command,
        "reduced": reduced,
        "commit": code_version(code),
        "date": today(),
        "seconds": round(seconds, 1),
        "machine": {**machine(), "processes": processes},
        "versions": {
            "tfstream": __version__,
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "numpy": np.__version__,
            **{package: version(package) for package in packages},
        },
        "found": figures,
    }


def provenance_line(document: Mapping[str, Any], *, processes: bool = True) -> str:
    """The small print under figures; ``processes`` adds how many of the cores the study used."""
    machine = document["machine"]
    cores = f"{machine['processes']} of {machine['cores']}" if processes else machine["cores"]
    versions = ", ".join(" ".join(pair) for pair in document["versions"].items())
    return (
        f"<sub>`{document['command']}`, {document['date']}, commit {document['commit']}: "
        f"{document['seconds']:.0f} s on {cores} cores ({machine['cpu']}); {versions}.</sub>"
    )


def machine() -> dict[str, Any]:
    """Processor and number of cores."""
    return {"cpu": _cpu(), "cores": os.cpu_count()}


def today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


def code_version(folders: Sequence[str]) -> str:
    """The commit of the working tree, marked when the code in the folders differs from it."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--", *folders)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit}, with changes" if changed else commit


def last_change(folder: str) -> str:
    """The newest commit that changed a folder, marked when the working tree differs from it."""
    try:
        commit = _git("log", "-1", "--format=%h", "--abbrev=12", "--", folder)
        changed = _git("status", "--porcelain", "--", folder)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit}, with changes" if changed else commit


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _cpu() -> str:
    """The processor's name, with family and model where the name does not tell its generation."""
    if _CPU_INFO.exists():
        lines = _CPU_INFO.read_text(encoding="utf-8").splitlines()
        facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if "model name" in facts:
            family, model = facts.get("cpu family", "?"), facts.get("model", "?")
            return f"{facts['model name']}, family {family} model {model}"
    return platform.processor() or platform.machine()
