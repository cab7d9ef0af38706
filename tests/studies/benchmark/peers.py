"""Two other stream processors on the same topic, in a virtual environment of their own."""

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
_ROOT = Path(__file__).parents[3]
_MODULES = {
    "Quix Streams": "tests.studies.benchmark.peer_quix",
    "Arroyo": "tests.studies.benchmark.peer_arroyo",
}
_INSTALL_S, _RUN_S = 300.0, 120.0


class Peers(NamedTuple):
    """The Python interpreter for each peer, and a sentence about peers that could not be installed."""

    pythons: dict[str, Path]
    missing: list[str]


def prepare(bench: Bench) -> Peers:
    """Make the peers' environment once and keep it in the work folder; without a registry it has no peers."""
    folder = bench.settings.work.resolve() / "peers"
    python, stamp = folder / "bin" / "python", folder / "pins"
    pins = "\n".join(PINS)
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != pins:
        bench.log(f"peers: installing {', '.join(PINS)}")
        failure = _install(folder, python)
        if failure is not None:
            return Peers({}, [f"The peers ({', '.join(PINS)}) could not be installed: {failure}"])
        stamp.write_text(pins, encoding="utf-8")
    return Peers(dict.fromkeys(_MODULES, python), [])


def _install(folder: Path, python: Path) -> str | None:
    """Install the peers; returns None, or the last line of the error."""
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


def run(python: Path, name: str, topic_run: dict[str, Any]) -> dict[str, Any]:
    """Run one peer over the topic and return its timing.

    :raises RuntimeError: when it fails, with the end of its output.
    """
    arguments = json.dumps({**topic_run, "group": f"peer.{uuid4()}"})
    with pinned(MEASURED):
        done = subprocess.run(
            [str(python), "-m", _MODULES[name], arguments],
            cwd=python.parent,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=_RUN_S,
        )
    if done.returncode != 0:
        raise RuntimeError(f"{name} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    timing: dict[str, Any] = json.loads(done.stdout.strip().rpartition("\n")[2])
    return timing
