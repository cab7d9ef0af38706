"""What the parts share: real services of the run's own, started when first asked for, and a fitted model."""

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
from tests.studies.study_command import stderr
from tfstream.embedded import kafka as apache
from tfstream.embedded.kafka import ApacheKafka
from tfstream.embedded.postgres import EmbeddedPostgres
from tfstream.errors import ConfigurationError
from tfstream.storage import migrate

LEARNT_ROWS = 20_000  # enough to fill the model's memory and bank


class Bench:
    """Settings and services of one run; the services serve from the cores that are not measured."""

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
        """Progress, on stderr."""
        stderr.print(text)

    @cached_property
    def folder(self) -> Path:
        """A temporary folder for the services' data and the model."""
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="tfstream-benchmark-")))

    @cached_property
    def bootstrap(self) -> str:
        """The address of a real Apache Kafka, started for this run.

        :raises ConfigurationError: when there is no KAFKA_HOME or no Java.
        """
        home = apache.find_kafka_home()
        if home is None:
            raise ConfigurationError("the benchmark needs Apache Kafka: set KAFKA_HOME and install Java 17")
        self.log("starting Apache Kafka")
        return self._stack.enter_context(ApacheKafka(home, self.folder / "kafka")).bootstrap

    @cached_property
    def database_url(self) -> str:
        """A migrated database on a PostgreSQL that was started for this run."""
        self.log("starting PostgreSQL")
        url = self._stack.enter_context(EmbeddedPostgres(self.folder / "postgres")).url
        migrate.upgrade(url)
        return url

    @cached_property
    def bundle(self) -> Path:
        """A model of 127 sensors that has learnt enough to be as large as a model gets."""
        path = self.folder / "bundle"
        self.log(f"learning a model of {SENSORS} sensors from {LEARNT_ROWS:,} rows")
        alone(write_bundle, path=path)
        return path

    def topic(self, what: str) -> str:
        """A topic name that nobody else uses."""
        return f"bench.{what}.{uuid4().hex[:8]}"


def write_bundle(path: Path) -> None:
    """Fit the model to a file."""
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
