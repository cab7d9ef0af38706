"""A table's values as the values of a stream."""

from __future__ import annotations

import numpy as np

from tfstream.app.files.sensor_table import SensorTable
from tfstream.core.reading import Values
from tfstream.core.stream import StreamDefinition
from tfstream.errors import BadData


def stream_values(table: SensorTable, definition: StreamDefinition) -> Values:
    """The table's values in the order of the stream's sensors, ``[rows, sensors]``.

    A sensor that the table lacks is NaN.

    :raises BadData: when the table has sensors that the stream does not have.
    """
    unknown = [name for name in table.sensors if name not in definition.sensors]
    if unknown:
        raise BadData(
            f"{table.source} has columns that stream {definition.topic} does not know: "
            f"{', '.join(unknown[:5])}; leave them out with --ignore NAME, "
            f"or add them with `tfstream streams set`"
        )
    values = np.full((len(table.values), len(definition.sensors)), np.nan, dtype=np.float32)
    values[:, [definition.sensors.index(name) for name in table.sensors]] = table.values
    return values
