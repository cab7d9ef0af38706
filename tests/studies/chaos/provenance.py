"""Where a result comes from: machine, versions, commit."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import confluent_kafka
import psycopg
import torch

from tests.studies.chaos.stage import Stage
from tfstream import __version__

_CPU_INFO = Path("/proc/cpuinfo")
_READ = ("tfstream", "migrations", "tests/studies/chaos", "tests/integration")


def provenance(stage: Stage, code: str) -> dict[str, Any]:
    """``code`` is what :func:`commit` said when the program began: files may change while it runs."""
    return {
        "commit": code,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": {"cpu": _cpu(), "cores": os.cpu_count()},
        "versions": {
            "tfstream": __version__,
            "Apache Kafka": stage.kafka_version,
            "PostgreSQL": _postgres_version(stage.postgres.url),
            "librdkafka": confluent_kafka.libversion()[0],
            "Python": platform.python_version(),
            "torch": str(torch.__version__),
        },
    }


def _postgres_version(url: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    assert row is not None
    return str(row[0])


def commit() -> str:
    """Of the working tree, with a word when the code there is not what was committed."""
    try:
        found = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--", *_READ)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{found}, with changes" if changed else found


def _git(*arguments: str) -> str:
    found = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def _cpu() -> str:
    if _CPU_INFO.exists():
        for line in _CPU_INFO.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
