"""Errors that quote what was read: neither their message nor the traceback that Airflow writes into a task's log names a recipient."""

from __future__ import annotations

import json
import sqlite3
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from outcamp.core.errors import DataError
from outcamp.segments import database, files, pushed_files, written_rows
from outcamp.segments.arrow_words import arrow_words

NUMBER = "12025550143"
ID = "who-is-ada"
BY_HAND = "\n  Next: run it by hand against the same connection"


def told(reading: Callable[[], Any]) -> str:
    """What is said when reading fails; the traceback holds nobody's number or id."""
    with pytest.raises(DataError) as raised:
        reading()
    log = "".join(traceback.format_exception(raised.value))
    assert [] == [word for word in (NUMBER, ID) if word in log]
    return str(raised.value)


def in_file(folder: Path, name: str, text: str) -> Path:
    """A file that says this."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


# Files.


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (f"{ID},+{NUMBER}\n", "CSV parse error: Row #2: Expected 3 columns, got 2"),
        (f'ben,"two\nlines",x\n{ID},+{NUMBER},x,y\n', "CSV parse error: Row #3: Expected 3 columns, got 4"),
        ("ben,1,x\n" * 100_000 + f"{ID},+{NUMBER}\n", "CSV parse error: Row #100002: Expected 3 columns, got 2"),
    ],
    ids=["a border too few", "a border too many", "far down"],
)
def test_a_broken_csv_names_its_row_and_nobody(tmp_path: Path, rows: str, message: str) -> None:
    """The number of the row is enough to find it."""
    path = in_file(tmp_path, "people.csv", f"recipient_id,phone,note\n{rows}")
    expected = f"{path}: the file is cut short or damaged: {message}\n  Next: write the file again and retry; nothing was read from it"
    assert expected == told(lambda: files.read(path))


JSON_LINES = [
    ({"recipient_id": ID, "attempt": int(NUMBER * 2)}, "Failed to convert JSON to int64"),
    ({"recipient_id": ID, "attempt": f"+{NUMBER}"}, "JSON parse error: Column(/attempt) changed from number to string in row 0"),
]


@pytest.mark.parametrize(("line", "message"), JSON_LINES)
def test_broken_json_lines_name_nobody(tmp_path: Path, line: dict[str, Any], message: str) -> None:
    """A file of outcomes is refused with this reason beside it."""
    path = in_file(tmp_path, "outcomes.jsonl", json.dumps(line))
    next_step = "write one object a line: ids and times as text, attempt and occurrence as numbers"
    expected = f"{path}: these are no JSON lines: {message}\n  Next: {next_step}"
    assert expected == told(lambda: list(written_rows.stream(path, ["recipient_id", "attempt"])))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([{f"+{NUMBER}": 1}, {f"+{NUMBER}": ID}], "JSON parse error"),
        ([{"score": 1}, {"score": ID}], "JSON parse error: Column(/score) changed from number to string in row 1"),
        ([{"plans": [1]}, {"plans": [ID]}], "JSON parse error: Column(/plans/[]) changed from number to string in row 1"),
    ],
    ids=["a number for a key", "another type", "another type in a list"],
)
def test_broken_rows_of_a_push_name_nobody(lines: list[dict[str, Any]], message: str) -> None:
    """A key that looks like no name of a column may be somebody's number."""
    body = "\n".join(json.dumps(line) for line in lines).encode()
    next_step = "write one object a line, with ids, numbers of phones and times as text"
    assert f"the body: these are no JSON lines: {message}\n  Next: {next_step}" == told(lambda: pushed_files.read_lines(body, "the body"))


def test_a_column_that_is_no_text_names_nobody(tmp_path: Path) -> None:
    """Bytes that are no letters are named by their column."""
    path = tmp_path / "outcomes.parquet"
    pq.write_table(pa.table({"recipient_id": [f"{ID}\xff".encode("latin-1")]}), path)
    expected = f"{path}: the column recipient_id holds no text: Invalid UTF8 payload\n"
    assert told(lambda: list(written_rows.stream(path, ["recipient_id"]))).startswith(expected)


def test_words_of_arrow_that_nobody_has_looked_at_are_not_repeated() -> None:
    """Only forms that can hold no value are; a new version of Arrow may quote whatever it likes."""
    assert "ArrowInvalid" == arrow_words(pa.ArrowInvalid(f"In CSV column #1: CSV conversion error to int64: invalid value '{NUMBER}'"))
    assert "ArrowInvalid" == arrow_words(pa.ArrowInvalid(f"Could not convert '{ID}' with type str"))


# Databases.


@pytest.fixture
def postgres(database_uri: str) -> Iterator[psycopg.Connection]:
    """A connection to a Postgres with somebody in it."""
    with closing(psycopg.connect(database_uri)) as connection:
        connection.execute("CREATE TABLE people (id text, phone text)")
        connection.execute("INSERT INTO people VALUES (%s, %s)", [ID, f"n/a +{NUMBER}"])
        yield connection


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("phone::int", "InvalidTextRepresentation, SQLSTATE 22P02"),
        ("phone::int, current_date", "InvalidTextRepresentation, SQLSTATE 22P02"),
        ("to_tsquery('simple', phone || ' & (')", "SyntaxError, SQLSTATE 42601"),
        ("substring(phone from 6)::regclass", "UndefinedTable, SQLSTATE 42P01"),
        ("to_date(id, 'YYYY-MM-DD')", "InvalidDatetimeFormat, SQLSTATE 22007"),
        ("('10000-01-01 ' || left(id, 0))::date", "DataError"),
    ],
)
def test_what_postgres_says_of_a_value_is_not_repeated(postgres: psycopg.Connection, expression: str, said: str) -> None:
    """Not even where it calls a value a syntax error: the kind of the error and its code are told, and how to see more."""
    sql = f"SELECT id AS recipient_id, {expression} AS v FROM people"
    assert f"people.sql: the query failed: {said}{BY_HAND}" == told(lambda: list(database.stream(postgres, sql, "people.sql")))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT json_extract('{}', phone) FROM people",
        "SELECT phone FROM people WHERE id MATCH phone",
        "SELECT CAST(x'ff' || phone AS text) FROM people",
    ],
)
def test_what_sqlite_says_of_a_value_is_not_repeated(sql: str) -> None:
    """The same words come of a value or of the query's text: those of the text come again when the query is compiled alone."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE people (id, phone)")
        connection.execute("INSERT INTO people VALUES (?, ?)", [ID, f"$ +{NUMBER}"])
        said = told(lambda: list(database.stream(connection, sql, "people.sql")))
    assert said.startswith("people.sql: the query failed: ")


def test_what_any_other_database_says_is_not_repeated() -> None:
    """Behind a hook of Airflow's may be any driver: its error is told by its kind and, where it has one, its SQLSTATE."""

    class ProgrammingError(Exception):
        sqlstate = "22018"

    class Snowflake:
        def cursor(self) -> Snowflake:
            return self

        def execute(self, sql: str) -> None:
            raise ProgrammingError(f"100038 (22018): Numeric value '+{NUMBER}' is not recognized")

        def close(self) -> None: ...

    said = told(lambda: list(database.stream(Snowflake(), "SELECT 1", "people.sql")))
    assert f"people.sql: the query failed: ProgrammingError, SQLSTATE 22018{BY_HAND}" == said


def test_a_value_that_no_text_can_hold_names_nobody() -> None:
    """The column is named, and the kind of what went wrong."""

    class Odd:
        def __str__(self) -> str:
            raise ValueError(NUMBER)

    class Rows:
        description = (("v",),)

        def cursor(self) -> Rows:
            return self

        def execute(self, sql: str) -> None: ...

        def close(self) -> None: ...

        def fetchmany(self, most: int) -> list[Any]:
            return [(Odd(),), (1,)]

    said = told(lambda: list(database.stream(Rows(), "SELECT 1", "people.sql")))
    assert "people.sql: the column v holds a value that cannot be read (ValueError)\n  Next: cast it to text in the query" == said


def test_a_later_type_names_nobody() -> None:
    """What does not fit the type of a column is named by both types."""
    with closing(sqlite3.connect(":memory:")) as connection:
        numbers = "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 50001)"
        sql = f"{numbers} SELECT CASE WHEN n > 50000 THEN '{ID}' ELSE n END AS v FROM s"
        said = told(lambda: list(database.stream(connection, sql, "people.sql")))
    assert "people.sql: the column v changes its type from int64 to string on the way\n  Next: cast it in the query" == said
