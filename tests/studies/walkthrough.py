"""``python -m tests.studies.walkthrough skab``: run the commands of ``docs/walkthrough.md`` and record them.

It replaces what the page shows below each ``tfstream`` command, and keeps what stands for psql and kcat. The
text between the commands has figures, too: read it after a recording.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import psycopg

from tests.conftest import database_url_of
from tests.integration.support import walkthrough
from tests.integration.support.commands import FullTrainingTfstream
from tests.studies.study_command import log_with_time, require_kafka
from tfstream.embedded.kafka import ApacheKafka
from tfstream.embedded.postgres import EmbeddedPostgres
from tfstream.errors import TfstreamError

_DATABASE = "walk"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="tests.studies.walkthrough", description=__doc__)
    parser.add_argument("folder", type=Path, help="the benchmark's files normal.csv, valve1_0.csv, …")
    folder = parser.parse_args(arguments).folder
    page = walkthrough.PAGE.read_text(encoding="utf-8")
    try:
        outputs = _record(walkthrough.steps(page), folder)
    except TfstreamError as error:
        log_with_time(f"error: {error}")
        return error.exit_code
    walkthrough.PAGE.write_text(walkthrough.with_outputs(page, outputs), encoding="utf-8")
    log_with_time(f"{walkthrough.PAGE} has what {len(outputs)} commands printed")
    return 0


def _record(steps: Sequence[walkthrough.Step], folder: Path) -> dict[str, str]:
    """What the commands print on new services, by command of the page."""
    outputs = {}
    with (
        tempfile.TemporaryDirectory() as data,
        EmbeddedPostgres(Path(data, "postgres")) as postgres,
        ApacheKafka(require_kafka("walkthrough"), Path(data, "kafka")) as kafka,
    ):
        _create_database(postgres.url)
        tfstream = FullTrainingTfstream(database_url_of(postgres.url, _DATABASE), kafka.bootstrap)
        for step in steps:
            if step.is_of_tfstream:
                log_with_time(step.command)
                outputs[step.command] = walkthrough.replay(step, tfstream, folder.resolve())
    return outputs


def _create_database(server_url: str) -> None:
    with psycopg.connect(server_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {_DATABASE}")


if __name__ == "__main__":
    sys.exit(main())
