"""What the state topic stores of an asset's instruments."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tfstream.core.instruments.instrument_finding import InstrumentFinding

_MASKED_ROWS = 64  # after the last finding: until then windows have rows in which the sensor was out


class OutSensor(msgspec.Struct, frozen=True, array_like=True):
    """A sensor, by its column, that is out since ``since_row`` and was found out last at ``last_row``.

    It is left out of the windows that end with row ``masked_row`` or later.
    """

    sensor: int
    since_row: int
    last_row: int
    masked_row: int

    def masked_within(self, rows: int, end_row: int) -> bool:
        """Whether the first window without the sensor ended within the last ``rows`` rows."""
        return end_row - self.masked_row < rows


class InstrumentMemory(msgspec.Struct, frozen=True, kw_only=True):
    """What the checks need of the rows before, and the sensors that are out.

    ``checks`` are the bytes of an :class:`InstrumentState`. ``last_values`` has a pair for each sensor that
    sends rarely: its column, and the last row in which it had a value.
    """

    checks: bytes
    out: tuple[OutSensor, ...] = ()
    last_values: tuple[tuple[int, int], ...] = ()


def sensors_out(
    before: Iterable[OutSensor], findings: Iterable[InstrumentFinding], end_row: int
) -> tuple[OutSensor, ...]:
    """The sensors that are out after a window that ends with row ``end_row``, in the order of columns."""
    out = {each.sensor: each for each in before if 0 <= end_row - each.last_row < _MASKED_ROWS}
    for finding in findings:
        if finding.is_out:
            known = out.get(finding.sensor)
            since_row, masked_row = finding.since_row, end_row
            if known is not None:
                since_row, masked_row = known.since_row, known.masked_row
            out[finding.sensor] = OutSensor(finding.sensor, since_row, finding.row, masked_row)
    return tuple(out[sensor] for sensor in sorted(out))
