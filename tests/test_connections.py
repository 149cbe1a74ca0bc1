"""The connections of the command line: Airflow's definitions from the environment, real databases behind them."""

from __future__ import annotations

import json
import socket
import sqlite3
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest

from drafts import HEAD, make_project
from outcamp.cli.connections import open_connection, read_definition
from outcamp.cli.main import main
from outcamp.core.errors import NotSupportedYet, OutcampError, SourceUnavailable, UsageError
from outcamp.segments.drivers import Target


def refusal(home: Path, kind: type[OutcampError]) -> str:
    """What is printed when the warehouse cannot be opened."""
    with pytest.raises(kind) as raised:
        open_connection("warehouse", home)
    return str(raised.value)


@pytest.mark.parametrize(
    ("definition", "target"),
    [
        (
            "postgres://ann:p%40ss%2Fw@db.example.com:5433/sales?sslmode=require",
            Target("X", "postgres", "db.example.com", 5433, "ann", "p@ss/w", "sales", {"sslmode": "require"}),
        ),
        ("postgresql://db/sales", Target("X", "postgresql", "db", schema="sales")),
        ("postgres://%2Frun%2Fpg/sales", Target("X", "postgres", "/run/pg", schema="sales")),
        ("sqlite:////data/a.db", Target("X", "sqlite", "/data/a.db")),
        ("sqlite:///data/a.db", Target("X", "sqlite", "data/a.db")),
        ("sqlite://%2Fdata%2Fa.db", Target("X", "sqlite", "/data/a.db")),
        (
            json.dumps({"conn_type": "postgres", "host": "db", "login": "ann", "password": "x", "schema": "sales", "port": 5433}),
            Target("X", "postgres", "db", 5433, "ann", "x", "sales"),
        ),
        (
            json.dumps({"conn_type": "postgres", "host": "db", "extra": '{"sslmode": "require"}'}),
            Target("X", "postgres", "db", options={"sslmode": "require"}),
        ),
        (
            json.dumps({"conn_type": "postgres", "host": "db", "extra": {"sslmode": "require"}}),
            Target("X", "postgres", "db", options={"sslmode": "require"}),
        ),
    ],
)
def test_a_connection_is_defined_as_in_airflow(definition: str, target: Target) -> None:
    """Both of Airflow's forms say the same things."""
    assert target == read_definition(definition, "X")


@pytest.mark.parametrize(
    "definition",
    ["{secret", "secret", "postgres://ann:secret@db:port/sales", '{"host": "secret"}', '{"conn_type": "postgres", "extra": "secret"}'],
)
def test_a_definition_that_is_none_is_refused_without_quoting_it(definition: str) -> None:
    """What cannot be read may hold a password, so the message names the variable only."""
    with pytest.raises(UsageError) as raised:
        read_definition(definition, "AIRFLOW_CONN_WAREHOUSE")
    assert (
        "AIRFLOW_CONN_WAREHOUSE is not the definition of a connection.\n"
        "  Next: Write it as conn_type://login:password@host:port/schema, special characters percent-encoded, or as Airflow's JSON."
    ) == str(raised.value)


def test_a_connection_is_not_shown_with_its_password() -> None:
    """A traceback shows no password."""
    assert "secret" not in repr(read_definition("postgres://ann:secret@db/sales", "X"))


def test_postgres_is_opened_for_reading(tmp_path: Path, database_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A query over the connection reads; it cannot write."""
    socket_folder = dict(part.split("=", 1) for part in urlsplit(database_uri).query.split("&"))["host"]
    name = urlsplit(database_uri).path.removeprefix("/")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", f"postgres://postgres@{quote(socket_folder, safe='')}/{name}")
    with open_connection("warehouse", tmp_path) as connection:
        assert (1,) == connection.execute("SELECT 1").fetchone()
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("CREATE TABLE a (b int)")


def test_sqlite_is_opened_for_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path starts at the project; a file that is missing is not made."""
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE people (id)")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "sqlite:///a.db")
    connection = open_connection("warehouse", tmp_path)
    assert [] == connection.execute("SELECT * FROM people").fetchall()
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("INSERT INTO people VALUES (1)")
    connection.close()
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "sqlite:///b.db")
    assert (
        f"The database of the connection 'warehouse' at {tmp_path}/b.db cannot be reached: unable to open database file.\n"
        "  Next: Check that it is up and that the connection's host, port and login are right; then try again."
    ) == refusal(tmp_path, SourceUnavailable)
    assert not (tmp_path / "b.db").exists()


def test_a_database_that_cannot_be_reached_is_named_without_its_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the connection, the host, the reason and the next step."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", f"postgres://ann:s3cret@127.0.0.1:{port}/sales")
    message = refusal(tmp_path, SourceUnavailable)
    assert message.startswith("The database of the connection 'warehouse' at 127.0.0.1 cannot be reached: ")
    assert "Connection refused" in message
    assert message.endswith("\n  Next: Check that it is up and that the connection's host, port and login are right; then try again.")
    assert "s3cret" not in message


def test_other_databases_are_not_supported_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another kind of database, or a connection that only Airflow knows, is named and refused."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "snowflake://ann:s3cret@host/sales")
    assert (
        "The connection 'warehouse' is of the kind 'snowflake', which is not supported yet.\n  Next: Use a postgres or sqlite connection."
        == refusal(tmp_path, NotSupportedYet)
    )
    monkeypatch.delenv("AIRFLOW_CONN_WAREHOUSE")
    assert (
        "The connection 'warehouse' is not in the environment; the command line does not read Airflow's own store yet.\n"
        "  Next: Set AIRFLOW_CONN_WAREHOUSE to its URI or JSON."
    ) == refusal(tmp_path, NotSupportedYet)


def test_validate_asks_the_database_for_the_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A column that a query does not have is found without reading a row; a query that fails is a finding."""
    make_project(tmp_path, HEAD.replace("{file: people.csv}", "{sql: due.sql, connection: warehouse}").replace("Hello", "'{{ city }}'"))
    query = tmp_path / "include/sql/segments/due.sql"
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE people (id, phone, town)")
    monkeypatch.setenv("OUTCAMP_HOME", str(tmp_path))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "sqlite:///a.db")
    query.write_text("SELECT id AS recipient_id, phone, town AS city FROM people;\n", encoding="utf-8")
    assert 0 == main(["validate"])
    query.write_text("SELECT id AS recipient_id, phone, town AS citi FROM people", encoding="utf-8")
    assert 1 == main(["validate"])
    assert "The message reads city, and the segment has no such column. Did you mean 'citi'?" in capsys.readouterr().out
    query.write_text("SELECT id FROM nobody", encoding="utf-8")
    assert 1 == main(["validate"])
    assert "spring.yaml:2: segment.sql: due.sql: the query failed: no such table: nobody" in capsys.readouterr().out
