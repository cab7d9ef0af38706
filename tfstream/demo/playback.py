"""What the plant measures goes to Kafka, and a recorder beside everything else brings it into Postgres."""

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
from tfstream.errors import TfstreamError
from tfstream.storage.database import Database
from tfstream.storage.streams import StreamRecord
from tfstream.streaming.properties import Properties

_TICK_S = 0.05
_DEADLINE_S = 120.0

Report = Callable[[str, float], None]


class Playback:
    """Sends readings, and knows when the recorder has stored all that was sent."""

    def __init__(
        self,
        properties: Properties,
        stream: StreamRecord,
        recorder: Recorder,
        work: Background,
        report: Report,
    ) -> None:
        self._properties = properties
        self._stream = stream
        self._recorder = recorder
        self._work = work
        self._report = report
        self._sent = 0

    def send(self, series: Sequence[Series], act: str) -> int:
        """Send what was measured, told as ``act``; returns the number of messages."""
        table = SensorTable(
            source="the simulated plant",
            sensors=self._stream.definition.sensors,
            assets=[one.asset for one in series for _ in one.times_us],
            times_us=np.concatenate([one.times_us for one in series]),
            values=np.concatenate([one.values for one in series]),
        )
        sent = replay(
            self._properties, table, self._stream.definition, progress=lambda done: self._report(act, done)
        )
        self._sent += sent
        return sent

    def wait(self) -> None:
        """Until the database holds all that was sent.

        :raises TfstreamError: when the recorder has failed, or is not done in time.
        """
        deadline = time.monotonic() + _DEADLINE_S
        while self._recorder.recorded < self._sent:
            if self._work.error is not None:
                raise self._work.error
            if time.monotonic() > deadline:
                raise TfstreamError(
                    f"the recorder stored {self._recorder.recorded} of {self._sent} messages in "
                    f"{_DEADLINE_S:.0f} s; is the machine very busy?"
                )
            time.sleep(_TICK_S)


@contextmanager
def recording(
    properties: Properties, database: Database, stream: StreamRecord, report: Report
) -> Iterator[Playback]:
    """A tape for as long as the block runs."""
    recorder = Recorder(properties, database, stream)
    with run_beside(Background("recorder", recorder.run)) as work:
        yield Playback(properties, stream, recorder, work, report)
