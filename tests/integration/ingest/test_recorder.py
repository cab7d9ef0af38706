"""The recorder stores the readings of a topic in PostgreSQL, in every format, each once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from confluent_kafka import Producer

from tests.conftest import Broker
from tfstream.app.checks.inspect_topic import inspect
from tfstream.app.files.replay import replay
from tfstream.app.files.sensor_table import SensorTable
from tfstream.app.ingest.recorder import Recorder
from tfstream.core.reading import Series
from tfstream.core.stream import Encoding, Layout, StreamDefinition
from tfstream.storage import readings, streams
from tfstream.storage.database import Database
from tfstream.storage.streams import StreamRecord

pytestmark = pytest.mark.postgres

SENSORS = ("flow", "level", "valve")
SECOND = 1_000_000
START = 1_767_600_000 * SECOND
FORMATS = [(layout, encoding) for layout in Layout for encoding in Encoding]


@pytest.fixture(params=["mock", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest) -> Broker:
    """librdkafka's mock cluster, then Apache Kafka: the recorder behaves alike on both."""
    broker: Broker = request.getfixturevalue("mock_kafka" if request.param == "mock" else "kafka")
    return broker


def table(rows: int = 200, assets: tuple[str, ...] = ("pump-1", "pümp 2")) -> SensorTable:
    rng = np.random.default_rng(rows)
    values = rng.normal(size=(rows * len(assets), len(SENSORS))).astype(np.float32)
    values[rng.random(values.shape) < 0.1] = np.nan
    values[:, 0] = rng.normal(size=len(values))  # a row without any value would not be sent
    times = np.repeat(START + np.arange(rows, dtype=np.int64) * SECOND, len(assets))
    return SensorTable(
        source="test", sensors=SENSORS, assets=list(assets) * rows, times_us=times, values=values
    )


def add_stream(database: Database, topic: str, layout: Layout, encoding: Encoding) -> StreamRecord:
    definition = StreamDefinition(
        topic=topic, sensors=SENSORS, interval_us=SECOND, layout=layout, encoding=encoding
    )
    with database.begin() as connection:
        return streams.add(connection, definition)


def read_stored(database: Database, stream: StreamRecord, asset: str) -> Series:
    with database.begin() as connection:
        return readings.read(connection, stream.id, asset, None, None, len(SENSORS))


def record(broker: Broker, database: Database, stream: StreamRecord) -> Recorder:
    recorder = Recorder(broker.properties, database, stream)
    recorder.run(lambda: False, until_end=True)
    return recorder


@pytest.mark.parametrize(("layout", "encoding"), FORMATS)
def test_every_reading_that_is_sent_is_stored(
    broker: Broker, database: Database, topic: str, layout: Layout, encoding: Encoding
) -> None:
    stream, sent = add_stream(database, topic, layout, encoding), table()
    replay(broker.properties, sent, stream.definition)
    recorder = record(broker, database, stream)
    assert recorder.unreadable == 0
    for asset in set(sent.assets):
        series = read_stored(database, stream, asset)
        own = np.array([name == asset for name in sent.assets])
        np.testing.assert_array_equal(series.times_us, sent.times_us[own])
        np.testing.assert_array_equal(series.values, sent.values[own])


@pytest.mark.parametrize(("layout", "encoding"), FORMATS)
def test_inspect_infers_the_definition_of_the_topic(
    broker: Broker, topic: str, layout: Layout, encoding: Encoding
) -> None:
    definition = StreamDefinition(
        topic=topic, sensors=SENSORS, interval_us=SECOND, layout=layout, encoding=encoding
    )
    replay(broker.properties, table(), definition)
    inspection = inspect(broker.properties, topic)
    assert inspection.definition is not None
    assert set(inspection.definition.sensors) == set(SENSORS)
    assert replace(inspection.definition, sensors=SENSORS) == definition
    assert inspection.assets == ("pump-1", "pümp 2")
    assert inspection.unreadable == 0


@pytest.mark.kafka
def test_a_second_recorder_continues_at_the_stored_offsets(
    kafka: Broker, database: Database, topic: str
) -> None:
    stream = add_stream(database, topic, Layout.FLAT, Encoding.JSON)
    replay(kafka.properties, table(100), stream.definition)
    assert record(kafka, database, stream).processed == 200
    more = table(100, ("pump-3",))
    replay(kafka.properties, more, stream.definition)
    assert record(kafka, database, stream).processed == 100
    np.testing.assert_array_equal(read_stored(database, stream, "pump-3").values, more.values)


@pytest.mark.kafka
def test_the_offsets_in_the_database_decide_where_recording_continues(
    kafka: Broker, database: Database, topic: str
) -> None:
    """Not those of the consumer group: without its rows in `progress`, all is read and merged again."""
    stream = add_stream(database, topic, Layout.FLAT, Encoding.JSON)
    replay(kafka.properties, table(100), stream.definition)
    record(kafka, database, stream)
    before = read_stored(database, stream, "pump-1")
    with database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM progress")
    assert record(kafka, database, stream).processed == 200
    np.testing.assert_array_equal(read_stored(database, stream, "pump-1").values, before.values)


@pytest.mark.kafka
def test_unreadable_messages_are_counted_and_do_not_end_recording(
    kafka: Broker, database: Database, topic: str
) -> None:
    stream = add_stream(database, topic, Layout.FLAT, Encoding.JSON)
    replay(kafka.properties, table(50), stream.definition)
    producer = Producer(kafka.properties)
    for value in (b"{", b"", b'{"ts": 1e999, "asset": "pump-1"}', b"\xff"):
        producer.produce(topic, value, b"pump-1")
    producer.flush(10.0)
    replay(kafka.properties, table(60), stream.definition)
    recorder = record(kafka, database, stream)
    assert recorder.unreadable == 4
    assert len(read_stored(database, stream, "pump-1").times_us) == 60
