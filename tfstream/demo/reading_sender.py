"""Send simulated readings to Kafka, and wait until a recorder has stored them in PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from tfstream.app.files.replay import replay
from tfstream.app.files.sensor_table import SensorTable
from tfstream.app.ingest.recorder import Recorder
from tfstream.app.runtime.background import Background, run_beside
from tfstream.core.reading import Series
from tfstream.core.stream import StreamDefinition
from tfstream.errors import TfstreamError
from tfstream.storage.database import Database
from tfstream.storage.streams import StreamRecord
from tfstream.streaming.connection.properties import Properties

_TICK_S = 0.05
_DEADLINE_S = 120.0

Report = Callable[[str, float], None]


class ReadingSender:
    """Sends readings beside a running recorder, and waits for the recorder."""

    def __init__(
        self,
        properties: Properties,
        stream: StreamRecord,
        recorder: Recorder,
        recording: Background,
        report: Report,
    ) -> None:
        self._properties = properties
        self._stream = stream
        self._recorder = recorder
        self._recording = recording
        self._report = report
        self._sent = 0

    def send(self, series: Sequence[Series], step: str) -> int:
        """Send the readings of all assets in order of time; return the number of messages.

        :param step: the name of the progress report.
        """
        definition = self._stream.definition
        sent = replay(
            self._properties,
            _sensor_table(series, definition),
            definition,
            progress=lambda done: self._report(step, done),
        )
        self._sent += sent
        return sent

    def wait_until_recorded(self) -> None:
        """Wait until the database holds every message sent.

        :raises TfstreamError: when the recorder failed, or has not stored them within two minutes.
        """
        deadline = time.monotonic() + _DEADLINE_S
        while self._recorder.processed < self._sent:
            if self._recording.error is not None:
                raise self._recording.error
            if time.monotonic() > deadline:
                raise TfstreamError(
                    f"the recorder stored only {self._recorder.processed} of {self._sent} messages within "
                    f"{_DEADLINE_S:.0f} s; check whether other processes use this machine's CPUs"
                )
            time.sleep(_TICK_S)


@contextmanager
def run_recorder(
    properties: Properties, database: Database, stream: StreamRecord, report: Report
) -> Iterator[ReadingSender]:
    """Run a recorder while the block runs; the block gets the sender that works with it."""
    recorder = Recorder(properties, database, stream)
    with run_beside(Background("recorder", recorder.run)) as recording:
        yield ReadingSender(properties, stream, recorder, recording, report)


def _sensor_table(series: Sequence[Series], definition: StreamDefinition) -> SensorTable:
    return SensorTable(
        source="the simulated plant",
        sensors=definition.sensors,
        assets=[part.asset for part in series for _ in part.times_us],
        times_us=np.concatenate([part.times_us for part in series]),
        values=np.concatenate([part.values for part in series]),
    )
