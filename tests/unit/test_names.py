"""No two classes have the same name, and no two files of the product."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Files of two packages with the same name, because they have the same subject.
SAME_SUBJECT = {
    "__init__.py": "every package has this file",
    "anomalies.py": "a command of cli, and the tables behind it in storage",
    "backtest.py": "a command of cli, and its work in app",
    "evaluate.py": "a command of cli, and its work in app",
    "exclusions.py": "a command of cli, and the table behind it in storage",
    "models.py": "a command of cli, and the table behind it in storage",
    "sink.py": "a command of cli, and its work in app",
    "streams.py": "a command of cli, and the table behind it in storage",
    "train.py": "a command of cli, and its work in app",
    "trainer.py": "a command of cli, and its work in app",
}


def python_files(*folders: str) -> Iterable[Path]:
    return (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))


def repeated(paths_by_name: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: paths for name, paths in paths_by_name.items() if len(paths) > 1}


def test_no_two_classes_have_the_same_name() -> None:
    """Except private classes of test files: no other file uses them."""
    paths_by_name: dict[str, list[str]] = defaultdict(list)
    for path in python_files("tfstream", "tests"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not (path.name.startswith("test_") and node.name[0] == "_"):
                paths_by_name[node.name].append(str(path.relative_to(ROOT)))
    assert not repeated(paths_by_name)


def test_no_two_files_of_the_product_have_the_same_name() -> None:
    paths_by_name: dict[str, list[str]] = defaultdict(list)
    for path in python_files("tfstream"):
        paths_by_name[path.name].append(str(path.relative_to(ROOT)))
    assert not {name: paths for name, paths in repeated(paths_by_name).items() if name not in SAME_SUBJECT}
    assert SAME_SUBJECT.keys() <= repeated(paths_by_name).keys(), "an exception that is no longer needed"
