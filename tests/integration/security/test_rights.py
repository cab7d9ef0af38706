"""The scripts in ops/ grant each command the rights that it needs and no more; a refusal names the right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from sqlalchemy.engine import make_url

from ops.kafka import acls
from ops.kafka.acls import Right
from tests.integration.support.commands import Tfstream
from tests.integration.support.plants import write_plant
from tests.integration.support.secured_services import ADMIN, ROLES, SECRET, SecuredKafka, tfstream
from tests.integration.support.topic_reader import read_committed

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.slow]

LOGINS = {
    "inspector": "tfstream_read",
    "player": "tfstream_read",
    "recorder": "tfstream_record",
    "trainer": "tfstream_train",
    "scorer": "tfstream_score",
    "sinker": "tfstream_score",
    "checker": "tfstream_read",
}


class Site(NamedTuple):
    """A stream with a model, its topic on a broker with an access list, and a login for every command."""

    kafka: SecuredKafka
    owner: Tfstream
    database: str
    topic: str

    def commands_of(self, user: str) -> Tfstream:
        """The command line of one user, who has a login of its own at both services."""
        url = make_url(self.database).set(username=user, password=f"{user}-{SECRET}")
        return tfstream(url.render_as_string(hide_password=False), self.kafka.scram(user))

    def works(self, user: str, *command: str | Path) -> str:
        done = self.commands_of(user).run(*command)
        return done.stdout + done.stderr

    def refused_without(self, right: Right, user: str, *command: str) -> None:
        """Without the right the command ends at once, and its last line names the right."""
        admin, principal = self.kafka.scram(ADMIN), f"User:{user}"
        acls.change(admin, [right], principal, remove=True)
        done = self.commands_of(user).run(*command, exit_code=3)
        acls.change(admin, [right], principal)
        message = done.stderr.splitlines()[-1]
        assert "refused a request of this user" in message, done.stderr
        assert right.operation in message.partition("grant ")[2]
        assert f"{right.resource.replace('-', ' ')} {right.name}" in message
        assert "Traceback" not in done.stderr

    def refused_by_the_database(
        self, revoke: str, grant: str, message: str, user: str, *command: str
    ) -> None:
        self.sql(revoke)
        done = self.commands_of(user).run(*command, exit_code=3)
        self.sql(grant)
        assert message in done.stderr.splitlines()[-1], done.stderr

    def sql(self, statement: str) -> None:
        with psycopg.connect(self.database, autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture
def site(guarded_kafka: SecuredKafka, database_url: str, topic: str, tmp_path: Path) -> Iterator[Site]:
    owner = tfstream(database_url, guarded_kafka.scram(ADMIN))
    site = Site(guarded_kafka, owner, database_url, topic)
    site.sql(ROLES.read_text(encoding="utf-8"))
    for user, role in LOGINS.items():
        site.sql(f"CREATE ROLE {user} LOGIN PASSWORD '{user}-{SECRET}' IN ROLE {role}")
    owner.run("load", write_plant(tmp_path / "normal.csv", rows=600), "--topic", topic)
    yield site
    for user in LOGINS:
        site.sql(f"DROP ROLE {user}")


def test_each_command_works_with_its_own_rights_and_no_more(site: Site, tmp_path: Path) -> None:
    topic, file = site.topic, tmp_path / "normal.csv"
    describe = Right("DESCRIBE", "topic", topic)
    ended = ("--topic", topic, "--until-end")

    site.kafka.grant("replay", topic, "player", "--create-topics")
    site.works("player", "replay", file, "--topic", topic)
    acls.change(site.kafka.scram(ADMIN), [describe], "User:player")
    site.refused_without(Right("WRITE", "topic", topic), "player", "replay", str(file), "--topic", topic)

    site.kafka.grant("inspect", topic, "inspector")
    assert topic in site.works("inspector", "inspect", "--topic", topic, "--json")
    acls.change(site.kafka.scram(ADMIN), [describe], "User:inspector")
    site.refused_without(Right("READ", "topic", topic), "inspector", "inspect", "--topic", topic)

    site.sql("TRUNCATE reading")
    site.kafka.grant("record", topic, "recorder")
    site.refused_without(Right("READ", "group", f"tfstream.record.{topic}"), "recorder", "record", *ended)
    site.refused_by_the_database(
        "REVOKE INSERT ON reading FROM tfstream_record",
        "GRANT INSERT ON reading TO tfstream_record",
        "permission denied for table reading",
        "recorder",
        "record",
        *ended,
    )
    assert "600 messages processed" in site.works("recorder", "record", *ended)

    site.works("trainer", "train", "--topic", topic)

    site.kafka.grant("score", topic, "scorer", "--create-topics")
    transactions = Right("WRITE", "transactional-id", f"tfstream.{topic}.", prefixed=True)
    site.refused_without(transactions, "scorer", "score", *ended)
    site.refused_without(Right("READ", "topic", f"{topic}.state"), "scorer", "score", *ended)
    site.refused_without(Right("READ", "group", f"tfstream.score.{topic}"), "scorer", "score", *ended)
    site.refused_by_the_database(
        "REVOKE SELECT ON model FROM tfstream_score",
        "GRANT SELECT ON model TO tfstream_score",
        "permission denied for table model",
        "scorer",
        "score",
        *ended,
    )
    assert "68 windows scored" in site.works("scorer", "score", *ended)

    site.sql("TRUNCATE score, progress")
    site.kafka.grant("sink", topic, "sinker")
    site.refused_without(Right("READ", "group", f"tfstream.sink.{topic}.scores"), "sinker", "sink", *ended)
    site.works("sinker", "sink", *ended)
    with psycopg.connect(site.database) as connection:
        assert connection.execute("SELECT count(*) FROM score").fetchone() == (68,)

    site.kafka.grant("check", topic, "checker")
    assert "the scorers are" in site.works("checker", "check", "--topic", topic)
    admin = site.kafka.scram(ADMIN)
    assert len(read_committed(admin["bootstrap.servers"], f"{topic}.scores", admin)) == 68
