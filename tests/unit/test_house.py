"""The project's own files agree with each other."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path

import tfstream

ROOT = Path(__file__).parents[2]


def search(pattern: str, path: str) -> str:
    """The first group of the pattern in a file of the project."""
    match = re.search(pattern, (ROOT / path).read_text(encoding="utf-8"))
    assert match, f"{path} has no {pattern}"
    return match[1]


def test_the_compose_file_runs_the_tested_kafka_version() -> None:
    tested = search(r"<kafka\.version>([\d.]+)<", "ops/kafka/pom.xml")
    assert search(r"image: apache/kafka:([\d.]+)", "docker/compose.yaml") == tested


def test_every_dependency_is_pinned_within_its_bounds_and_has_a_documented_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").lower().replace("_", "-")
    reasons = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    wanted = list(chain(project["dependencies"], *project["optional-dependencies"].values()))
    for requirement in wanted:
        name, lowest = re.split(r"(?:\[\w+\])?>=", requirement.split(",")[0])
        pin = re.search(rf"^{name}==([\d.]+)$", pins, re.MULTILINE)
        assert pin, f"{name} is not pinned in constraints.txt"
        assert parts(pin[1]) >= parts(lowest), f"{name} is pinned below its lower bound"
        assert name in reasons, f"{name} is not in docs/dependencies.md"


def test_the_changelog_has_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"[{tfstream.__version__}]" in changelog


def parts(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
