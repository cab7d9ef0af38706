"""List, show and label anomalies, and hide them by exclusions, on the command line."""

from __future__ import annotations

import re

import pytest

from tests.integration.support import examples
from tests.integration.support.cli_shell import Shell, table_cells
from tfstream.app.runtime.human_units import rate_text
from tfstream.core.messages.anomaly_event import EventKind, EventType
from tfstream.core.messages.witness import Witness
from tfstream.storage import anomalies, exclusions
from tfstream.storage.database import Database

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

DAY = "2026-01-05T"
STUCK = {
    "witness": Witness.INSTRUMENT,
    "witnesses": (Witness.LEVELS, Witness.INSTRUMENT),
    "scale_s": 1200.0,
    "reason": "stuck at 2.725 for 20 min, longest before 3 min",
}


def test_anomalies_are_listed_and_shown(shell: Shell, shell_database: Database) -> None:
    topic = "anomalies.sensors"
    with shell_database.begin() as connection:
        stream_id = examples.add_stream(connection, topic)
        old = examples.event(0xAAAA << 112, event=EventType.CLOSED, started_at="2020-01-06T00:00:00Z")
        sensors = (examples.share("T101 [bar]", 0.7), examples.share("P101 [/h]", 0.3))
        recent = examples.event(
            0xBBBB << 112, asset="line-2", kind=EventKind.INSTRUMENT, sensors=sensors, **STUCK
        )
        anomalies.apply(connection, stream_id, [old, recent])
    listed = shell.json("anomalies", "list", "--topic", topic)
    assert [(alarm["asset"], alarm["state"]) for alarm in listed] == [
        ("line-2", "open"),
        ("line-1", "closed"),
    ]
    filters = ("--asset", "line-2", "--kind", "instrument", "--open", "--since", "2026-01-05", "--limit", "1")
    table = shell.run("anomalies", "list", "--topic", topic, *filters)
    assert table.stderr == ""
    header, row = table_cells(table.stdout)
    cells = dict(zip(header, row, strict=True))
    assert (cells["id"], cells["lasted"]) == ("bbbb0000", "open")
    assert cells["witness"] == "instrument check"
    assert cells["how rare"] == rate_text(recent.expected_per_week)
    assert not {"score", "threshold"} & set(header)  # witnesses have scales of their own
    assert "topic" not in cells  # --topic is given: the column would be the same in each row
    assert "T101 [bar] 70%, P101 [/h] 30%" in table.stdout
    nothing = shell.run("anomalies", "list", "--topic", topic, "--kind", "silence")
    assert (nothing.stdout, nothing.stderr) == ("", "no anomalies\n")
    assert shell.json("anomalies", "show", "bbbb") == listed[0]
    shown = shell.run("anomalies", "show", "bbbb").stdout
    assert f"id                {recent.anomaly_id}\n" in shown
    assert "source            partition 2, offsets 10 to 90\n" in shown
    words = "each sensor against its own past: stuck, dead, out of range"
    assert f"witness           instrument check ({words}), over 20 min\n" in shown
    assert "witnesses         levels, instrument check\n" in shown
    assert f"how rare          {rate_text(recent.expected_per_week)}" in shown
    assert not re.search("^(score|threshold|expected_per_week|verdict) ", shown, re.MULTILINE)
    assert "what was seen     stuck at 2.725 for 20 min, longest before 3 min\n" in shown
    swings = "swings of 2 min to 4 min: 0.75, expected 0.25"
    assert ["T101 [bar]", "70%", "1.5", "2.5", swings] in table_cells(shown)


def test_anomalies_are_labelled_all_or_none(shell: Shell, shell_database: Database) -> None:
    topic = "labelled.sensors"
    with shell_database.begin() as connection:
        stream_id = examples.add_stream(connection, topic)
        events = [examples.event(number << 120, topic=topic) for number in (0xB1, 0xB2, 0xB3)]
        anomalies.apply(connection, stream_id, events)
    output = shell.run("anomalies", "label", "b1", "b2", "false-alarm", "--note", "test run").stderr
    assert output.count("line-1, 2026-01-05 08:00: false-alarm") == 2
    (third,) = shell.json("anomalies", "label", "b3", "new-normal", "--from", f"{DAY}07:30", "--by", "ben")
    labelled = shell.run("anomalies", "show", "b3").stdout
    assert "verdict           new-normal\n" in labelled
    assert "verdict_by        ben\n" in labelled
    assert (third["verdict"], third["verdict_by"]) == ("new-normal", "ben")
    assert third["verdict_from"].startswith(f"{DAY}07:30")
    shell.run("anomalies", "label", "b2", "--clear")
    listed = shell.json("anomalies", "list", "--topic", topic)
    verdicts = {alarm["id"][:2]: alarm["verdict"] for alarm in listed}
    assert verdicts == {"b1": "false-alarm", "b2": None, "b3": "new-normal"}
    assert "false-alarm" in shell.run("anomalies", "list", "--topic", topic).stdout
    for arguments, exit_code, reason in (
        (("b1", "fine"), 2, "'fine' is not a verdict"),
        (("confirmed",), 2, "give the id of the anomaly before 'confirmed'"),
        (("b1", "expected", "--from", "now"), 2, "use it only with new-normal"),
        (("b1", "b9", "confirmed"), 5, "no anomaly begins with 'b9'"),
    ):
        assert reason in shell.run("anomalies", "label", *arguments, exit_code=exit_code).stderr
    assert shell.json("anomalies", "list", "--topic", topic) == listed


def test_exclusions_are_added_listed_and_removed(shell: Shell, shell_database: Database) -> None:
    topic = "excluded.sensors"
    with shell_database.begin() as connection:
        stream_id = examples.add_stream(connection, topic, time_zone="Europe/Berlin")
        ended = {"event": EventType.CLOSED, "ended_at": f"{DAY}09:00:00Z", "topic": topic}
        anomalies.apply(connection, stream_id, [examples.event(0xA1 << 120, **ended)])
    occurrences = ("--from", "2025-12-01T08:00", "--for", "3h", "--rrule", "FREQ=WEEKLY;BYDAY=MO", "--hide")
    output = shell.run("exclusions", "add", "--topic", topic, *occurrences, "--reason", "new filter").stderr
    assert "2025-12-01 07:00:00 to 2025-12-01 10:00:00, 2025-12-08 07:00:00" in output
    assert "1 more stored anomaly is hidden" in output
    (listed,) = shell.json("exclusions", "list", "--topic", topic)
    assert (listed["hide"], listed["no_learn"], listed["created_by"]) == (True, False, "anna")
    assert shell.run("anomalies", "list", "--topic", topic).stderr == "no anomalies\n"
    assert "new filter" in shell.run("anomalies", "list", "--topic", topic, "--all").stdout
    assert "FREQ=WEEKLY;BYDAY=MO (Europe/Berlin)" in shell.run("exclusions", "list", "--topic", topic).stdout
    number = str(listed["id"])
    ended_now = shell.json("exclusions", "remove", number, "--from", "now")
    assert ended_now["removed_from"] > "2026"
    assert "removed from 2" in shell.run("exclusions", "list", "--topic", topic, "--all").stdout
    assert shell.json("anomalies", "list", "--topic", topic) == []  # past occurrences still hide
    shell.run("exclusions", "remove", number)
    assert len(shell.json("anomalies", "list", "--topic", topic)) == 1
    assert shell.run("exclusions", "list", "--topic", topic).stderr == "no exclusions\n"
    assert "removed  " in shell.run("exclusions", "list", "--topic", topic, "--all").stdout


def test_an_exclusion_without_a_matching_sensor_warns(shell: Shell, shell_database: Database) -> None:
    topic = "misnamed.sensors"
    with shell_database.begin() as connection:
        examples.add_stream(connection, topic)
    span = ("--topic", topic, "--from", "2025-12-01T08:00", "--for", "3h")
    output = shell.run("exclusions", "add", *span, "--sensor", "presure*", "--no-learn").stderr
    assert "hidden" not in output  # the exclusion has no --hide
    assert f"no sensor of {topic} matches 'presure*'" in output
    assert "no sensor" not in shell.run("exclusions", "add", *span, "--sensor", "*").stderr


@pytest.mark.parametrize(
    ("options", "exit_code", "reason"),
    [
        (("--from", DAY + "08:00"), 2, "give either --to (the end) or --for (the duration)"),
        (("--from", "soon", "--for", "2h"), 2, "'soon' is not a time"),
        (("--from", DAY + "08:00", "--to", DAY + "07:00"), 2, "must end after it begins"),
        (("--from", "now", "--for", "2h", "--tz", "Europe/Atlantis"), 2, "is not known here"),
        (("--from", "now", "--for", "2h", "--rrule", "FREQ=SOMETIMES"), 2, "FREQ must be one of"),
    ],
)
def test_an_invalid_exclusion_is_refused(
    shell: Shell, shell_database: Database, topic: str, options: tuple[str, ...], exit_code: int, reason: str
) -> None:
    with shell_database.begin() as connection:
        examples.add_stream(connection, topic)
    done = shell.run("exclusions", "add", "--topic", topic, *options, exit_code=exit_code)
    assert reason in done.stderr
    with shell_database.begin() as connection:
        assert exclusions.list_all(connection, topic=topic) == []
