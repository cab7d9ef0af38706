"""What the parts share: services of this run, each started on its first use, and a trained model."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from uuid import uuid4

from tests.studies.benchmark.cores import SERVING, alone, pinned
from tests.studies.benchmark.load_generator import SENSORS
from tests.studies.benchmark.settings import BenchmarkSettings
from tests.studies.simulated_readings import readings, series
from tests.studies.study_command import require_kafka, stderr
from tfstream.embedded.kafka import ApacheKafka
from tfstream.embedded.postgres import EmbeddedPostgres
from tfstream.storage import migrate

LEARNT_ROWS = 20_000  # enough to fill the model's memory and bank


class Bench:
    """Settings and services of one run; the services run on the cores that are not measured."""

    def __init__(self, settings: BenchmarkSettings) -> None:
        self.settings = settings
        self._stack = ExitStack()

    def __enter__(self) -> Bench:
        self._stack.enter_context(pinned(SERVING))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def log(self, text: str) -> None:
        """Report progress on stderr."""
        stderr.print(text)

    @cached_property
    def folder(self) -> Path:
        """A temporary folder for the services' data and the model."""
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="tfstream-benchmark-")))

    @cached_property
    def bootstrap(self) -> str:
        """The address of a real Apache Kafka, started for this run.

        :raises ConfigurationError: when KAFKA_HOME or Java is missing.
        """
        home = require_kafka("benchmark")
        self.log("starting Apache Kafka")
        return self._stack.enter_context(ApacheKafka(home, self.folder / "kafka")).bootstrap

    @cached_property
    def database_url(self) -> str:
        """The URL of a migrated database on a PostgreSQL that was started for this run."""
        self.log("starting PostgreSQL")
        url = self._stack.enter_context(EmbeddedPostgres(self.folder / "postgres")).url
        migrate.upgrade(url)
        return url

    @cached_property
    def bundle(self) -> Path:
        """The file of a model of 127 sensors, trained on enough rows to have its full size."""
        path = self.folder / "bundle"
        self.log(f"training a model of {SENSORS} sensors on {LEARNT_ROWS:,} rows")
        alone(write_bundle, path=path)
        return path

    def topic(self, what: str) -> str:
        """A new topic name."""
        return f"bench.{what}.{uuid4().hex[:8]}"


def write_bundle(path: Path) -> None:
    """Train the model and write it to a file."""
    from tests.studies.benchmark.load_generator import definition
    from tfstream.model import bundle
    from tfstream.model.detector_config import DetectorConfig
    from tfstream.model.fitting.fit import fit

    stream = definition("any")
    values = readings(LEARNT_ROWS, SENSORS).round(4)
    detector = fit(
        [series(values)], stream.sensors, stream.interval_us, DetectorConfig(), 0, lambda stage, done: None
    )
    path.write_bytes(bundle.dump(detector))
