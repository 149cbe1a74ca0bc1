"""Segments from SQL: rows of Postgres and of SQLite in batches, and a broken query told from a database that is away."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from drafts import HEAD, campaign
from outcamp.core.errors import DataError, NotSupportedYet, OutcampError, SourceUnavailable
from outcamp.core.manifest import seal_manifest
from outcamp.segments import database
from outcamp.segments.source import PublishedSegment

BY_HAND = "\n  Next: run it by hand against the same connection"
LATER = "\n  Next: nothing was read; the step is tried again"


@pytest.fixture
def postgres(database_uri: str) -> Iterator[psycopg.Connection]:
    """A connection to an empty Postgres."""
    with closing(psycopg.connect(database_uri)) as connection:
        yield connection


@pytest.fixture
def sqlite() -> Iterator[sqlite3.Connection]:
    """A connection to an empty SQLite database."""
    with closing(sqlite3.connect(":memory:")) as connection:
        yield connection


@pytest.fixture(params=["postgres", "sqlite"])
def connection(request: pytest.FixtureRequest) -> Any:
    """A connection of either kind."""
    return request.getfixturevalue(request.param)


def rows_of(connection: Any, sql: str) -> list[dict[str, Any]]:
    """All rows of a query."""
    return [row for batch in database.stream(connection, sql, "people.sql") for row in batch.to_pylist()]


def refused(connection: Any, sql: str, kind: type[OutcampError] = DataError) -> str:
    """What is said about a query that fails."""
    with pytest.raises(kind) as raised:
        rows_of(connection, sql)
    return str(raised.value)


def test_a_query_gives_rows_under_its_names(connection: Any) -> None:
    """A semicolon and a remark at its end do no harm."""
    sql = "SELECT 'ada' AS recipient_id, 7 AS score, NULL AS note -- who;\n;\n"
    assert [{"recipient_id": "ada", "score": 7, "note": None}] == rows_of(connection, sql)


@pytest.mark.parametrize(
    "end",
    [
        ";",
        ";;\n;",
        "; -- by Ada",
        " ; -- by Ada\n-- and Ben;\n",
        "; /* by Ada; */ ; -- and Ben",
        "-- by Ada",
        "/* by Ada */",
        "/* by; -- Ada\n*/",
        "-- don't; -- by Ada\n",
    ],
)
def test_remarks_behind_a_query_do_no_harm(connection: Any, end: str) -> None:
    """Before or behind the semicolon, the query and its columns are read."""
    sql = f"SELECT 'a; -- b' AS recipient_id{end}"
    assert [{"recipient_id": "a; -- b"}] == rows_of(connection, sql)
    assert ["recipient_id"] == database.column_names(connection, sql, "people.sql")


@pytest.mark.parametrize(
    "word", ["'a; -- b'", "'a; /* b */'", "'a;'", "'; -- it''s'", "';\n-- b\n'", "'/*; -- */'"], ids=lambda word: word.replace("\n", " ")
)
def test_a_semicolon_in_a_text_is_no_end(connection: Any, word: str) -> None:
    """What looks like a remark at the end of a query may stand in quotes."""
    sql = f"SELECT 1 AS recipient_id WHERE 'b' <> {word}"
    assert [{"recipient_id": 1}] == rows_of(connection, sql)
    assert ["recipient_id"] == database.column_names(connection, sql, "people.sql")


def test_the_columns_of_a_query_are_known_without_its_rows(connection: Any) -> None:
    """The names come from an empty result."""
    assert ["recipient_id", "score"] == database.column_names(connection, "SELECT 'ada' AS recipient_id, 7 AS score;", "people.sql")


def test_a_query_without_rows_gives_no_batch(connection: Any) -> None:
    """Nothing is nothing."""
    assert [] == rows_of(connection, "SELECT 'ada' AS recipient_id WHERE 1 = 0")


def test_a_query_comes_in_batches(connection: Any) -> None:
    """A large result is never held whole; a column that is empty at first is text, whatever comes later."""
    numbers = "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 120000)"
    sql = f"{numbers} SELECT n AS recipient_id, CASE WHEN n > 60000 THEN n END AS late FROM s"
    batches = list(database.stream(connection, sql, "people.sql"))
    assert [50_000, 50_000, 20_000] == [batch.num_rows for batch in batches]
    assert {pa.schema([("recipient_id", pa.int64()), ("late", pa.string())])} == {batch.schema for batch in batches}
    assert [*range(1, 120_001)] == [number for batch in batches for number in batch["recipient_id"].to_pylist()]
    assert [None, "60001"] == batches[1]["late"].to_pylist()[9_999:10_001]


def test_a_type_that_changes_on_the_way_is_refused(sqlite: sqlite3.Connection) -> None:
    """SQLite lets a column hold anything; what does not fit what came before is not bent."""
    sql = "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 50001) SELECT n AS recipient_id, {} AS v FROM s"
    mixed = sql.format("CASE WHEN n > 50000 THEN 'x' ELSE n END")
    message = "people.sql: the column v changes its type from int64 to string on the way\n  Next: cast it in the query"
    assert message == refused(sqlite, mixed)
    assert "50001" == rows_of(sqlite, sql.format("CASE WHEN n > 50000 THEN n ELSE 'x' END"))[-1]["v"]


def test_types_of_postgres_travel_along(postgres: psycopg.Connection) -> None:
    """Instants, dates, numbers and lists keep their types; what Arrow has no type for is text."""
    sql = (
        "SELECT 'ada' AS recipient_id, '2026-12-01 15:00+00'::timestamptz AS at, '2026-12-01'::date AS day, "
        "true AS vip, 1.5::float AS score, '10.0.0.1'::inet AS address, ARRAY[1, 2] AS plans"
    )
    (row,) = rows_of(postgres, sql)
    expected = {"at": datetime(2026, 12, 1, 15, tzinfo=UTC), "day": date(2026, 12, 1), "vip": True, "score": 1.5, "address": "10.0.0.1"}
    assert {"recipient_id": "ada", **expected, "plans": [1, 2]} == row


@pytest.mark.parametrize(
    ("first", "later", "text"),
    [
        ("1.5", "100.125", "100.125"),
        ("1.5", "'NaN'::numeric", "NaN"),
        ("'1'::jsonb", """'{"a": [1, "ä"]}'""", '{"a": [1, "ä"]}'),
        ("""'{"a": 1}'::json""", "'[]'", "[]"),
        ("ROW(1, 'a')", "ROW('x'::text, 2.5, NULL)", "(x,2.5,)"),
        ("ROW(1, 'a')::pair", "ROW(2, 'b c')::pair", '(2,"b c")'),
        ("ARRAY[1.5]", "ARRAY[100.125, NULL]", ["100.125", None]),
        ("ARRAY['{}'::jsonb]", "ARRAY['[1]'::jsonb]", ["[1]"]),
        ("ARRAY[]::text[]", "ARRAY['x']", ["x"]),
        ("NULL", "'16fd2706-8baf-433b-82eb-8c7fada847da'::uuid", "16fd2706-8baf-433b-82eb-8c7fada847da"),
    ],
)
def test_a_later_batch_does_not_break_what_the_first_began(postgres: psycopg.Connection, first: str, later: str, text: object) -> None:
    """Numbers of any precision, JSON of any shape and rows of any fields are text, as Postgres writes them."""
    postgres.execute("CREATE TYPE pair AS (number int, word text)")
    sql = f"SELECT n AS recipient_id, CASE WHEN n > 50000 THEN {later} ELSE {first} END AS v FROM generate_series(1, 50001) n"
    first_batch, last_batch = database.stream(postgres, sql, "people.sql")
    assert first_batch.schema == last_batch.schema
    assert [text] == last_batch["v"].to_pylist()


TEXTS = ["", " ", "a,b", '"', '""', "a\nb", "a\r\nb", "\\N", "\\.", "NULL", "007", "ä日", "NaN", "{}", "t", "x" * 300_000]


@pytest.mark.parametrize("more", ["", ", current_date AS day"], ids=["copied", "by a cursor"])
def test_every_value_comes_as_it_is(postgres: psycopg.Connection, more: str) -> None:
    """An empty text is not a missing one, and nothing in a text ends a field or a row; numbers keep what no number is."""
    postgres.execute("CREATE TABLE people (name text, age int, share float, vip bool, price numeric)")
    rows = [
        *((text, 1, 0.5, True, "1.50") for text in TEXTS),
        (None, -(2**31), float("inf"), False, "1e3"),
        ("", None, None, None, None),
        ("nan", 0, float("-inf"), None, "NaN"),
        (None, None, 1e-300, None, None),
    ]
    postgres.cursor().executemany("INSERT INTO people VALUES (%s, %s, %s, %s, %s)", rows)
    found = [tuple(row.values())[:5] for row in rows_of(postgres, f"SELECT * {more} FROM people")]
    assert [(*row[:4], "1000" if row[4] == "1e3" else row[4]) for row in rows] == found


@pytest.mark.parametrize("more", ["", ", current_date AS day"], ids=["copied", "by a cursor"])
def test_the_types_of_columns_do_not_depend_on_how_they_come(postgres: psycopg.Connection, more: str) -> None:
    """All whole numbers are of one type, and so are all others; exact numbers, keys and padded text are text."""
    numbers = "1::int2 AS a, 1::int4 AS b, 1::int8 AS c, 1.1::float4 AS d, 1::float8 AS e, true AS f"
    texts = "'x'::varchar(9) AS g, 'x'::char(3) AS h, 1.10 AS i, NULL::int AS j, 'x' AS k"
    (batch,) = database.stream(postgres, f"SELECT {numbers}, {texts} {more}", "people.sql")
    kinds = [pa.int64(), pa.int64(), pa.int64(), pa.float64(), pa.float64(), pa.bool_(), *[pa.string()] * 5]
    assert [*zip("abcdefghijk", kinds, strict=True)] == [(field.name, field.type) for field in batch.schema][:11]
    assert (1, 1, 1, 1.1, 1.0, True, "x", "x  ", "1.10", None, "x") == tuple(batch.to_pylist()[0].values())[:11]


@pytest.mark.parametrize("values", [[None], [None, None], [""], ["", None, "", "a"]])
def test_rows_of_one_column_are_rows_even_if_they_are_missing(postgres: psycopg.Connection, values: list[str | None]) -> None:
    """A missing value is a row, too."""
    postgres.execute("CREATE TABLE people (name text)")
    postgres.cursor().executemany("INSERT INTO people VALUES (%s)", [(value,) for value in values])
    assert [{"name": value} for value in values] == rows_of(postgres, "SELECT name FROM people")


@pytest.mark.parametrize(("kind", "key"), [("numeric", "12345678901234567890"), ("uuid", "16fd2706-8baf-433b-82eb-8c7fada847da")])
def test_keys_of_postgres_can_be_ids(postgres: psycopg.Connection, kind: str, key: str) -> None:
    """Numeric and uuid keys are text as they stand."""
    assert [{"recipient_id": key}] == rows_of(postgres, f"SELECT '{key}'::{kind} AS recipient_id")


def test_mixed_values_of_one_column_are_text(sqlite: sqlite3.Connection) -> None:
    """A number next to a word is written as a word."""
    assert ["x", "1"] == [row["v"] for row in rows_of(sqlite, "SELECT 1 AS recipient_id, 'x' AS v UNION ALL SELECT 2, 1")]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT * FROM nobody", 'relation "nobody" does not exist'),
        ("SELECT nothing", 'column "nothing" does not exist'),
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT pg_read_file('x')", "permission denied for function pg_read_file"),
        ("SELECT lo_create(0)", "cannot execute lo_create() in a read-only transaction"),
        ("SELECT 1 / (3 - n) FROM generate_series(1, 5) n", "DivisionByZero, SQLSTATE 22012"),
        ("SELECT '10000-01-01'::date", "DataError"),
    ],
)
def test_a_broken_query_of_postgres_is_permanent(postgres: psycopg.Connection, sql: str, message: str) -> None:
    """Trying again cannot help; what the database says of the query's text or of itself is shown, of values only the kind of the error."""
    postgres.execute("SET ROLE pg_monitor; SET default_transaction_read_only = on")
    postgres.commit()
    assert f"people.sql: the query failed: {message}{BY_HAND}" == refused(postgres, sql)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT * FROM nobody", "no such table: nobody"),
        ("SELECT nowhere", "no such column: nowhere"),
        ("SELEC 1", 'near "SELEC": syntax error'),
        ("SELECT nofn(1)", "no such function: nofn"),
        ("SELECT id FROM p, p q", "ambiguous column name: id"),
        ("SELECT (", "incomplete input"),
        ("SELECT locked FROM p", "no such column: locked"),
    ],
)
def test_a_broken_query_of_sqlite_is_permanent(sqlite: sqlite3.Connection, sql: str, message: str) -> None:
    """SQLite calls these operational, which they are not."""
    sqlite.execute("CREATE TABLE p (id)")
    assert f"people.sql: the query failed: {message}{BY_HAND}" == refused(sqlite, sql)


@pytest.mark.parametrize("sql", ['SELECT "x', "SELECT * FROM p WHERE id = sum(id)", "INSERT INTO p VALUES (1)"])
def test_other_broken_queries_of_sqlite_are_permanent(tmp_path: Path, sql: str) -> None:
    """A wrong query, or one that would write, is not tried again for ever, whatever this version of SQLite says about it."""
    path = tmp_path / "people.db"
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("CREATE TABLE p (id)")
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as reader:
        assert refused(reader, sql).startswith("people.sql: the query failed: ")


def test_the_columns_of_a_broken_query(connection: Any) -> None:
    """Asking for the names of a query that fails says the same."""
    with pytest.raises(DataError, match=r"people\.sql: the query failed: .*nobody"):
        database.column_names(connection, "SELECT * FROM nobody", "people.sql")


def test_a_database_that_is_gone_is_transient(postgres: psycopg.Connection) -> None:
    """A closed connection is no fault of the query."""
    postgres.close()
    message = refused(postgres, "SELECT 1 AS recipient_id", SourceUnavailable)
    assert f"people.sql: the database did not answer: the connection is closed{LATER}" == message


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ("n AS recipient_id", "consuming input failed: server closed the connection unexpectedly"),
        ("n AS recipient_id, current_date AS day", "terminating connection due to administrator command"),
    ],
    ids=["copied", "by a cursor"],
)
def test_a_database_that_goes_away_while_it_is_read_is_transient(
    postgres: psycopg.Connection, postgres_uri: str, columns: str, reason: str
) -> None:
    """The step is tried again from the start."""
    batches = database.stream(postgres, f"SELECT {columns} FROM generate_series(1, 1200000) n", "people.sql")
    next(batches)
    with psycopg.connect(postgres_uri, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", [postgres.info.backend_pid])
    with pytest.raises(SourceUnavailable) as raised:
        list(batches)
    assert f"people.sql: the database did not answer: {reason}{LATER}" == str(raised.value)


def test_a_locked_database_is_transient(tmp_path: Path) -> None:
    """Somebody else is writing: the same query may succeed later."""
    path = tmp_path / "people.db"
    with closing(sqlite3.connect(path)) as writer, closing(sqlite3.connect(path, timeout=0)) as reader:
        writer.execute("CREATE TABLE people (recipient_id)")
        writer.execute("BEGIN EXCLUSIVE")
        message = refused(reader, "SELECT * FROM people", SourceUnavailable)
    assert f"people.sql: the database did not answer: database is locked{LATER}" == message


def test_several_queries_follow_on_one_connection(connection: Any) -> None:
    """The second query, and one after a reader that stopped early, are read as the first one was."""
    assert [{"recipient_id": 1}] == rows_of(connection, "SELECT 1 AS recipient_id")
    batches = database.stream(connection, "SELECT 2 AS recipient_id", "people.sql")
    next(batches)
    batches.close()
    assert [{"recipient_id": 3}] == rows_of(connection, "SELECT 3 AS recipient_id")


# The published segment.

AT = datetime(2026, 12, 1, 15, tzinfo=UTC)


def published(segment: str, sql: dict[str, str], uri: str = "") -> PublishedSegment:
    """The segment of a published campaign; each reading has a connection of its own."""
    settings = campaign(head=HEAD.replace("{file: people.csv}", segment))
    return PublishedSegment(seal_manifest(settings, AT, sql, {}), Path, lambda _: psycopg.connect(uri))


def test_several_exclusions_are_read_from_postgres(postgres_uri: str) -> None:
    """Two exclusions follow each other on one connection; numbers of any type are ids as text."""
    sql = {"all.sql": "SELECT 1 AS recipient_id", "a.sql": "SELECT 2 AS recipient_id", "b.sql": "SELECT 3::numeric"}
    assert ["2", "3"] == published("{sql: all.sql, exclude: [a.sql, b.sql]}", sql, postgres_uri).excluded().to_pylist()


@pytest.mark.parametrize(
    ("exclusion", "message"),
    [
        ("SELECT 1 AS a, 2 AS b", "a.sql: an exclusion returns recipient_id, and the columns are a, b\n  Next: select one column"),
        (
            "SELECT 1::float AS id",
            "a.sql: the column id holds double, and is read as text\n"
            "  Next: cast it to text in the source, so that nothing is rounded or re-formatted",
        ),
    ],
)
def test_an_exclusion_that_would_exclude_nobody_is_refused(postgres_uri: str, exclusion: str, message: str) -> None:
    """Ids are found by one column, and are written as those of the segment are."""
    sql = {"all.sql": "SELECT 1 AS recipient_id", "a.sql": exclusion}
    with pytest.raises(DataError) as raised:
        published("{sql: all.sql, exclude: [a.sql]}", sql, postgres_uri).excluded()
    assert message == str(raised.value)


def test_an_external_segment_cannot_be_read() -> None:
    """Nobody was pushed in, which is not the same as an empty segment."""
    with pytest.raises(NotSupportedYet) as raised:
        next(published("external", {}).read(0))
    assert (
        "spring: the segment is external: its recipients are pushed in, and there is nothing to read\n"
        "  Next: hand them over: outcamp push spring FILE"
    ) == str(raised.value)
