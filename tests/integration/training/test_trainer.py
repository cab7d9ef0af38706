"""The trainer: refits on schedule, one at a time; after a missed or killed refit it tries again."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from tests.conftest import temporary_database
from tests.integration.support import examples, short_training
from tests.integration.support.commands import Tfstream, wait_until
from tests.integration.support.plants import write_plant
from tfstream.app.training import train, trainer
from tfstream.app.training.schedule import Schedule
from tfstream.app.training.train import TrainingResult
from tfstream.app.training.trainer import RefitPlan, Trainer
from tfstream.app.training.training_options import TrainingOptions
from tfstream.core.learning.exclusion import Exclusion
from tfstream.core.spans import Span
from tfstream.embedded.process import free_port
from tfstream.storage import exclusions, models, streams, training_lock, training_runs
from tfstream.storage.database import Database
from tfstream.storage.streams import StreamRecord

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

NIGHTLY = ("trainer", "--schedule", "0 2 * * *")
QUICK = RefitPlan(options=TrainingOptions(config=short_training.CONFIG))
RUNS = "SELECT outcome, reason, model_version, took FROM training_history WHERE topic = :topic ORDER BY id"


@pytest.fixture(scope="module")
def shell(postgres_url: str, template: str) -> Iterator[Tfstream]:
    for url in temporary_database(postgres_url, template):
        yield Tfstream(url, f"127.0.0.1:{free_port()}")


@pytest.fixture
def database(shell: Tfstream) -> Iterator[Database]:
    with closing(Database(shell.database_url)) as database:
        yield database


@pytest.fixture
def plant(shell: Tfstream, topic: str, tmp_path: Path, database: Database) -> Iterator[str]:
    """A stream with readings and a champion, defined three days ago; it is the only stream."""
    shell.run("load", write_plant(tmp_path / "normal.csv", rows=600), "--topic", topic)
    with database.begin() as connection:
        stream_id = streams.get(connection, topic).id
        examples.save_model(connection, stream_id)
        models.promote(connection, stream_id, 1)
        connection.execute(text("UPDATE stream SET created_at = created_at - interval '3 days'"))
    yield topic
    with database.begin() as connection:
        connection.execute(text("DELETE FROM stream"))


def runs(database: Database, topic: str) -> list[Any]:
    with database.begin() as connection:
        return list(connection.execute(text(RUNS), {"topic": topic}))


def outcomes(database: Database, topic: str) -> list[str]:
    return [run.outcome for run in runs(database, topic)]


def champion(database: Database, topic: str) -> int | None:
    with database.begin() as connection:
        return models.champion_version(connection, streams.get(connection, topic).id)


def have_outcomes(database: Database, topic: str, *wanted: str) -> Callable[[], bool]:
    return lambda: outcomes(database, topic) == list(wanted)


def test_missed_refits_are_done_once_by_one_of_two_trainers(
    shell: Tfstream, database: Database, plant: str
) -> None:
    """Three nights passed without a trainer: one refit by either trainer."""
    with shell.running(*NIGHTLY) as first, shell.running(*NIGHTLY) as second:
        wait_until(have_outcomes(database, plant, "promoted"), "the refit")
        for process in (first, second):
            process.send_signal(signal.SIGTERM)
        outputs = [process.communicate(timeout=60)[0] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], outputs
    assert outcomes(database, plant) == ["promoted"]
    assert champion(database, plant) == 2
    assert runs(database, plant)[0].took > timedelta(0)
    listed = shell.run("models", "runs", "--topic", plant).stdout
    assert "promoted" in listed


def test_a_stream_that_another_trainer_has_just_refitted_is_skipped(
    shell: Tfstream, database: Database, plant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = f"other.{plant}"
    shell.run("load", write_plant(tmp_path / "other.csv", rows=600), "--topic", other)
    with database.begin() as connection:
        connection.execute(text("UPDATE stream SET created_at = created_at - interval '3 days'"))

    def train_during_another_refit(
        database: Database, stream: StreamRecord, *arguments: Any
    ) -> TrainingResult:
        """Train the first stream while another process refits the second."""
        monkeypatch.setattr(trainer, "train", train.train)
        (second,) = {plant, other} - {stream.definition.topic}
        shell.run("train", "--topic", second)
        return train.train(database, stream, *arguments)

    monkeypatch.setattr(trainer, "train", train_during_another_refit)
    Trainer(database, QUICK)._refit_due(lambda: False)
    assert [len(runs(database, topic)) for topic in (plant, other)] == [1, 1]


def test_a_killed_refit_keeps_the_champion_and_the_next_refit_promotes(
    shell: Tfstream, database: Database, plant: str
) -> None:
    with shell.running("train", "--topic", plant) as process:
        wait_until(have_outcomes(database, plant, "running"), "the refit's beginning")
        process.kill()
        process.wait()
    assert champion(database, plant) == 1
    with shell.running(*NIGHTLY) as process:
        wait_until(have_outcomes(database, plant, "interrupted", "promoted"), "the next refit")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert "the process ended before the refit did" in runs(database, plant)[0].reason
    assert champion(database, plant) == 2


def test_sigterm_ends_a_refit_at_once_and_the_refit_stays_due(
    shell: Tfstream, database: Database, plant: str
) -> None:
    with shell.running(*NIGHTLY) as process:
        wait_until(have_outcomes(database, plant, "running"), "the refit's beginning")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert outcomes(database, plant) == ["interrupted"]
    assert champion(database, plant) == 1
    assert not due_later(database, plant)


def test_a_second_refit_of_the_same_stream_is_refused(
    shell: Tfstream, database: Database, plant: str
) -> None:
    with database.begin() as connection:
        stream_id = streams.get(connection, plant).id
    with training_lock.hold_training_lock(database, stream_id, plant):
        refused = shell.run("train", "--topic", plant, exit_code=1)
        assert f"another process is refitting {plant}" in refused.stderr
    assert outcomes(database, plant) == []


def due_later(database: Database, topic: str) -> bool:
    nightly = Trainer(database, RefitPlan(schedule=Schedule(expression="0 2 * * *")))
    return nightly.due()[topic] > datetime.now(UTC)


def test_an_interrupted_refit_is_retried_once_and_then_waits(database: Database, plant: str) -> None:
    """A refit that runs out of memory kills the process; it must not do so all night."""
    with database.begin() as connection:
        stream_id = streams.get(connection, plant).id
    waits = []
    for _ in range(2):
        with database.begin() as connection:
            run = training_runs.start(connection, stream_id, trained_from_us=None, trained_until_us=None)
        with database.begin() as connection:
            training_runs.finish(connection, run, outcome="interrupted", reason="killed")
        waits.append(due_later(database, plant))
    assert waits == [False, True]


def test_a_stream_may_have_its_own_schedule(shell: Tfstream, database: Database, plant: str) -> None:
    shell.run("streams", "set", plant, "--schedule", "15 6 * * 1", "--time-zone", "Asia/Kolkata")
    due = Trainer(database, RefitPlan()).due()[plant].astimezone(UTC)
    assert (due.strftime("%H:%M"), due.weekday()) == ("00:45", 0)
    wrong = shell.run("streams", "set", plant, "--time-zone", "Asia/Atlantis", exit_code=3)
    assert "'Asia/Atlantis' is not known here" in wrong.stderr
    assert ", in Asia/Kolkata\n" in shell.run("streams", "show", plant).stdout


def test_a_refit_that_cannot_start_waits_for_its_next_time(database: Database, plant: str) -> None:
    """An exclusion has a rule, written in SQL, that cannot be read."""
    with database.begin() as connection:
        stream_id = streams.get(connection, plant).id
        first = Span(examples.MONDAY_US, examples.MONDAY_US + examples.HOUR_US)
        wrong = Exclusion(first=first, rule="FREQ=DAILY")
        exclusions.add(connection, stream_id, wrong, reason=None, by="anna", now_us=examples.MONDAY_US)
        connection.execute(text("UPDATE exclusion SET rrule = 'FREQ=HOURLY', spans_until = NULL"))
    for _ in range(2):
        Trainer(database, QUICK)._refit_due(lambda: False)
    (run,) = runs(database, plant)
    assert run.outcome == "failed"
    assert "remove it" in run.reason


def test_a_stream_that_is_added_during_the_check_is_due_at_the_next(
    database: Database, plant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_all = streams.list_all

    def add_stream_and_list(connection: Connection) -> list[StreamRecord]:
        examples.add_stream(connection, f"other.{plant}")
        return list_all(connection)

    monkeypatch.setattr(streams, "list_all", add_stream_and_list)
    assert list(Trainer(database, RefitPlan()).due()) == [plant]


def test_a_stream_that_fails_does_not_stop_the_others(
    shell: Tfstream, database: Database, plant: str
) -> None:
    with database.begin() as connection:
        examples.add_stream(connection, "empty.sensors")
    done = shell.run("trainer", "--once", "--json", exit_code=1)
    assert '"promoted": true' in done.stdout
    assert "empty.sensors has no readings" in done.stdout
    only = shell.run("trainer", "--once", "--topic", "absent.sensors", exit_code=3)
    assert "absent.sensors is not defined" in only.stderr


def test_an_unreadable_definition_does_not_stop_the_others(
    shell: Tfstream, database: Database, plant: str
) -> None:
    """As after a change in SQL, or by a newer version of tfstream."""
    with database.begin() as connection:
        examples.add_stream(connection, "broken.sensors")
        broken = "UPDATE stream SET definition = definition || :change WHERE topic = 'broken.sensors'"
        connection.execute(text(broken), {"change": '{"interval_us": "1s"}'})
    done = shell.run("trainer", "--once", "--json", exit_code=1)
    assert '"promoted": true' in done.stdout
    assert "the definition of stream broken.sensors in table stream cannot be read" in done.stdout
    assert list(Trainer(database, RefitPlan()).due()) == [plant]
    shown = shell.run("streams", "show", "broken.sensors", exit_code=3)
    assert "`int`, got `str` - at `$.interval_us`" in shown.stderr
