"""The wheel is complete: `tfstream db upgrade` finds its migrations inside the wheel."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tfstream
from tfstream.storage import migrate

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

ROOT = Path(__file__).parents[3]
DIST_INFO = f"tfstream-{tfstream.__version__}.dist-info"
PRINT_PATHS = """
import tfstream
from tfstream.storage import migrate
print(tfstream.__file__, migrate.directory())
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel installed in it, and nothing else."""
    dist, folder = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("site")
    build = ["-m", "build", "--wheel", "--outdir", str(dist), str(ROOT)]
    offline = importlib.util.find_spec("hatchling") is not None
    python(*build, *(["--no-isolation"] if offline else []), folder=dist)
    (wheel,) = dist.glob("*.whl")
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    python(*install, "--target", str(folder), str(wheel), folder=dist)
    return folder


def test_the_wheel_contains_the_migrations(site: Path, empty_database_url: str, tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(site), "TFSTREAM_DATABASE_URL": empty_database_url}
    package, migrations = python("-c", PRINT_PATHS, folder=tmp_path, **environment).split()
    assert Path(package) == site / "tfstream" / "__init__.py"
    assert Path(migrations) == site / "tfstream" / "migrations"
    python("-m", "tfstream", "db", "upgrade", folder=tmp_path, **environment)
    current = python("-m", "tfstream", "db", "current", "--json", folder=tmp_path, **environment)
    assert json.loads(current) == {"current": migrate.head(), "needed": migrate.head()}


def test_the_wheel_contains_the_whole_program_and_nothing_else(site: Path) -> None:
    assert {path.name for path in site.iterdir()} == {"tfstream", "bin", DIST_INFO}
    assert files(ROOT / "tfstream") <= files(site / "tfstream")
    assert files(ROOT / "migrations") == files(site / "tfstream" / "migrations")


def files(folder: Path) -> set[Path]:
    paths = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    return {path for path in paths if "__pycache__" not in path.parts}


def python(*arguments: str, folder: Path, **more: str) -> str:
    """Run this Python in a folder; returns what it prints."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TFSTREAM_")}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**inherited, **more},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done.stdout
