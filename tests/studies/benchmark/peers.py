"""Two other stream processors on the same topic, each in a virtual environment that is made for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from tests.studies.benchmark.bench import Bench
from tests.studies.benchmark.cores import MEASURED, pinned

PINS = ("quixstreams==3.28.1", "sentry-arroyo==2.38.4", "orjson==3.13.0", "numpy==2.4.6")
_SCRIPTS = {
    "Quix Streams": Path(__file__).with_name("peer_quix.py"),
    "Arroyo": Path(__file__).with_name("peer_arroyo.py"),
}
_INSTALL_S, _RUN_S = 300.0, 120.0


class Peers(NamedTuple):
    """The interpreter for each peer that can be run, and a sentence for what cannot."""

    pythons: dict[str, Path]
    missing: list[str]


def prepare(bench: Bench) -> Peers:
    """The environment, made once and kept in the work folder; without a registry the bench does without."""
    folder = bench.settings.work.resolve() / "peers"
    python, stamp = folder / "bin" / "python", folder / "pins"
    pins = "\n".join(PINS)
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != pins:
        bench.log(f"peers: installing {', '.join(PINS)}")
        failure = _install(folder, python)
        if failure is not None:
            return Peers({}, [f"The peers ({', '.join(PINS)}) could not be installed: {failure}"])
        stamp.write_text(pins, encoding="utf-8")
    return Peers(dict.fromkeys(_SCRIPTS, python), [])


def _install(folder: Path, python: Path) -> str | None:
    """None, or the last line of what went wrong."""
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", *PINS],
    ):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_INSTALL_S)
        except subprocess.TimeoutExpired:
            return f"no answer in {_INSTALL_S:.0f} s"
        if done.returncode != 0:
            return (done.stderr.strip() or done.stdout.strip()).rpartition("\n")[2]
    return None


def run(python: Path, name: str, read: dict[str, Any]) -> dict[str, Any]:
    """One peer over the topic; it prints its timing as JSON in its last line.

    :raises RuntimeError: with its last words when it fails.
    """
    asked = json.dumps({**read, "group": f"peer.{uuid4()}"})
    with pinned(MEASURED):
        done = subprocess.run(
            [str(python), str(_SCRIPTS[name]), asked],
            cwd=python.parent,
            env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
            capture_output=True,
            text=True,
            check=False,
            timeout=_RUN_S,
        )
    if done.returncode != 0:
        raise RuntimeError(f"{name} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().rpartition("\n")[2])
    return found
