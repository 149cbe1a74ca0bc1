"""The ledger's connection: all or nothing, values that arrive as they left, and foreign errors in our own words."""

from __future__ import annotations

import ast
import json
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import psycopg
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcamp.core.errors import LedgerUnavailable
from outcamp.store.columns import array_text, table_of
from outcamp.store.ledger import Ledger, Transaction
from outcamp.store.sql import migrations, queries

PLUGINS = Path(__file__).parents[1] / "plugins"
INSTANT = pa.timestamp("us", tz="UTC")
WRITE = "register-campaign"
NEXT = "\n  Next: nothing was sent in this step; it goes on by itself when the database answers again"


@pytest.fixture
def ledger(database_uri: str) -> Iterator[Ledger]:
    """A migrated ledger."""
    ledger = Ledger.at(database_uri)
    ledger.migrate()
    yield ledger
    ledger.close()


@pytest.fixture(scope="module")
def connection(postgres_uri: str) -> Iterator[psycopg.Connection]:
    """A connection for values that only pass through."""
    with psycopg.connect(postgres_uri, autocommit=True) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        yield connection


def write(tx: Transaction, name: str) -> None:
    """Write a campaign's row."""
    tx.run(
        WRITE,
        name=name,
        seal="seal",
        published_at=datetime(2026, 12, 1, tzinfo=UTC),
        expires_at=None,
        final_occurrence_at=None,
        ignores_total_limits=False,
    )


def names(ledger: Ledger) -> list[str]:
    """The names of the campaigns that are committed."""
    with ledger.transaction() as tx:
        return [name for name in ("one", "two") if tx.one("find-campaign", name=name)]


# Transactions.


def test_a_transaction_is_committed_at_its_end(ledger: Ledger, database_uri: str) -> None:
    """Others see what it wrote afterwards, and not before."""
    other = Ledger.at(database_uri)
    with ledger.transaction() as tx:
        write(tx, "one")
        assert [] == names(other)
    assert ["one"] == names(other)
    other.close()


def write_and_fail(ledger: Ledger, fail: Callable[[Transaction], object]) -> None:
    """A transaction that writes, and then fails."""
    with ledger.transaction() as tx:
        write(tx, "one")
        fail(tx)
        write(tx, "two")


@pytest.mark.parametrize(
    ("fail", "kind"),
    [
        (lambda tx: 1 / 0, ZeroDivisionError),
        # An error of the database that trying again cannot help is not called an outage.
        (lambda tx: tx.run_text("SELECT * FROM outcamp.no_such_table"), psycopg.errors.UndefinedTable),
    ],
    ids=["of Python", "of the query"],
)
def test_an_error_takes_everything_back(ledger: Ledger, fail: Callable[[Transaction], object], kind: type[Exception]) -> None:
    """Any error rolls the whole transaction back and comes out as it is; the ledger goes on working."""
    with pytest.raises(kind):
        write_and_fail(ledger, fail)
    assert [] == names(ledger)


def test_no_row_is_an_empty_tuple(ledger: Ledger) -> None:
    """A question about one row that finds none is answered by nothing."""
    with ledger.transaction() as tx:
        assert () == tx.one("find-campaign", name="nobody")


def test_the_clock_is_the_databases_and_goes_on(ledger: Ledger) -> None:
    """The clock has an offset, and within one transaction it does not stand still."""
    with ledger.transaction() as tx:
        first, second = tx.one("clock")[0], tx.one("clock")[0]
    assert first < second <= ledger.now()
    assert first.tzinfo is not None


def test_a_connection_that_was_lost_is_opened_again(ledger: Ledger, database_uri: str) -> None:
    """What was under way is rolled back and called Transient; the next transaction has a new connection."""

    def lose(tx: Transaction) -> None:
        (pid,) = tx._connection.execute("SELECT pg_backend_pid()").fetchone()  # noqa: SLF001
        with psycopg.connect(database_uri, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])

    with pytest.raises(LedgerUnavailable) as raised:
        write_and_fail(ledger, lose)
    assert f"The ledger did not answer: terminating connection due to administrator command{NEXT}" == str(raised.value)
    assert [] == names(ledger)


def test_a_deadlock_is_an_outage_that_passes(ledger: Ledger, database_uri: str) -> None:
    """Of two transactions that wait for each other one is told to try again, and the other one goes on."""
    first_holds, second_holds = Event(), Event()

    def lock(numbers: list[int], mine: Event, other: Event) -> str:
        own = Ledger.at(database_uri)
        try:
            with own.transaction() as tx:
                tx.run("lock-buckets", scope=7, buckets=numbers[:1])
                mine.set()
                assert other.wait(30)
                tx.run("lock-buckets", scope=7, buckets=numbers[1:])
        except LedgerUnavailable as error:
            return str(error)
        finally:
            own.close()
        return "done"

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(lock, [1, 2], first_holds, second_holds)
        two = pool.submit(lock, [2, 1], second_holds, first_holds)
        said = sorted([one.result(60), two.result(60)])
    assert [f"The ledger did not answer: deadlock detected{NEXT}", "done"] == said


def test_a_server_s_own_habits_do_not_loosen_what_we_rely_on(database_uri: str) -> None:
    """Whoever waited for a lock sees what was committed meanwhile, and what is committed is on the disk."""
    with psycopg.connect(database_uri, autocommit=True) as admin:
        (name,) = admin.execute("SELECT current_database()").fetchone() or ()
        for habit in ("default_transaction_isolation = 'serializable'", "default_transaction_deferrable = on"):
            admin.execute(psycopg.sql.SQL("ALTER DATABASE {} SET " + habit).format(psycopg.sql.Identifier(name)))
    ledger = Ledger.at(database_uri)
    with ledger.transaction() as tx:
        ((isolation,),) = tx._connection.execute("SHOW transaction_isolation").fetchall()  # noqa: SLF001
    ledger.close()
    assert "read committed" == isolation


@pytest.mark.parametrize(
    ("fsync", "default", "kept"),
    [("on", "off", "on"), ("off", "off", "off"), ("on", "remote_apply", "remote_apply")],
    ids=["in a hurry", "throw-away", "stricter"],
)
def test_a_commit_waits_for_the_disk_unless_nothing_ever_does(connection: psycopg.Connection, fsync: str, default: str, kept: str) -> None:
    """A server that a power cut may let forget a submission would let it go twice; a stricter one stays as it is."""
    text = queries()["keep-commits"].replace("current_setting('fsync')", f"'{fsync}'")
    connection.execute(psycopg.sql.SQL("SET synchronous_commit = {}").format(default))
    connection.execute(text.encode())
    ((found,),) = connection.execute("SHOW synchronous_commit").fetchall()
    connection.execute("RESET ALL")
    connection.execute("SET TIME ZONE 'UTC'")
    assert kept == found


def test_who_stands_still_with_a_lock_loses_it(ledger: Ledger, database_uri: str) -> None:
    """All campaigns wait for it; when it goes on, nothing of its transaction has happened. Without such a lock it may take its time."""
    with ledger.transaction() as tx:
        assert [("0",)] == tx._connection.execute("SHOW idle_in_transaction_session_timeout").fetchall()  # noqa: SLF001

    def stand_still(tx: Transaction) -> None:
        tx.run("lock-buckets", scope=0, buckets=[1, 2])
        (limit,) = tx._connection.execute("SHOW idle_in_transaction_session_timeout").fetchone() or ()  # noqa: SLF001
        assert "5min" == limit
        (pid,) = tx._connection.execute("SELECT pg_backend_pid()").fetchone() or ()  # noqa: SLF001
        tx.run_text("SET LOCAL idle_in_transaction_session_timeout = '1ms'")
        with psycopg.connect(database_uri, autocommit=True) as other:
            while other.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]).fetchall():
                pass
        tx.run("clock")

    with pytest.raises(LedgerUnavailable) as raised:
        write_and_fail(ledger, stand_still)
    assert f"The ledger did not answer: terminating connection due to idle-in-transaction timeout{NEXT}" == str(raised.value)
    assert [] == names(ledger)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "CREATE TEMP TABLE people (id text PRIMARY KEY); INSERT INTO people VALUES ('+12025550143'), ('+12025550143')",
            'duplicate key value violates unique constraint "people_pkey"',
        ),
        ("SELECT '+12025550143 '::uuid", "InvalidTextRepresentation, SQLSTATE 22P02"),
        ("SELECT nothing", 'column "nothing" does not exist'),
    ],
)
def test_an_error_names_no_recipient(ledger: Ledger, statement: str, message: str) -> None:
    """It is logged by whoever runs the step, with its traceback."""
    with pytest.raises(psycopg.Error) as raised, ledger.transaction() as tx:
        tx.run_text(statement)
    told = "".join(traceback.format_exception(raised.value))
    assert (message, False) == (str(raised.value), "+12025550143" in told.replace(statement, ""))


# A database that does not answer.


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://outcamp:s3cret@127.0.0.1:1/ledger",
        "host=127.0.0.1 port=1 user=outcamp password=s3cret",
        "host=127.0.0.1 port=1 password='s3cret too'",
    ],
)
def test_a_ledger_that_cannot_be_reached_says_so_without_its_password(uri: str) -> None:
    """The message names the server and the reason; no text of the error, nor of what caused it, holds the password."""
    with pytest.raises(LedgerUnavailable) as raised:
        Ledger.at(uri).now()
    reason = 'connection failed: connection to server at "127.0.0.1", port 1 failed: Connection refused'
    assert f"The ledger did not answer: {reason}{NEXT}" == str(raised.value)
    told = [*traceback.format_exception_only(raised.value), *traceback.format_exception_only(raised.value.__cause__)]
    assert "s3cret" not in f"{told}{json.dumps(raised.value.attrs())}"


def test_a_password_in_the_drivers_message_is_blotted_out() -> None:
    """Should the driver repeat the connection's words, the password is not among them."""

    def refuse() -> psycopg.Connection:
        raise psycopg.OperationalError("cannot connect with user=outcamp password=s3cret host=nowhere\nand more")

    with pytest.raises(LedgerUnavailable) as raised:
        Ledger(refuse).now()
    assert f"The ledger did not answer: cannot connect with user=outcamp password=*** host=nowhere{NEXT}" == str(raised.value)


def test_an_outage_without_words_is_named_by_its_kind() -> None:
    """A driver's error that has no text is named by its class."""

    def refuse() -> psycopg.Connection:
        raise psycopg.OperationalError

    with pytest.raises(LedgerUnavailable) as raised:
        Ledger(refuse).now()
    assert f"The ledger did not answer: OperationalError{NEXT}" == str(raised.value)


# Migrations.


def tables(uri: str) -> list[str]:
    """The tables of the ledger's schema."""
    with psycopg.connect(uri) as connection:
        return [name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'outcamp' ORDER BY 1")]


def test_migrations_are_applied_once(ledger: Ledger, database_uri: str) -> None:
    """Migrating again changes nothing, and what is written stays."""
    with ledger.transaction() as tx:
        write(tx, "one")
    before = tables(database_uri)
    ledger.migrate()
    assert before == tables(database_uri)
    assert ["one"] == names(ledger)
    with ledger.transaction() as tx:
        assert [(number,) for number, _, _ in migrations()] == tx.run("applied-migrations")


def test_two_processes_may_migrate_at_once(database_uri: str) -> None:
    """Four that begin together leave one set of tables, and none of them fails."""
    ledgers = [Ledger.at(database_uri) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert [None] * 4 == list(pool.map(Ledger.migrate, ledgers))
    assert {"campaigns", "occurrences", "waves", "parts", "batches", "entries", "attempts", "deferred"} <= set(tables(database_uri))
    for ledger in ledgers:
        ledger.close()


def test_migrations_are_numbered_without_gaps() -> None:
    """Each migration has the number after the one before it."""
    assert [*range(1, len(migrations()) + 1)] == [number for number, _, _ in migrations()]


# Columns in, columns out.

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["", "NULL", "null", '"', '""', "\\", '\\"', "{", "}", "{}", ",", "a,b", "a\nb", "a\r\nb", "\t", " ", "'", "\\.", "日本", "🙂", "%s"]
)
instants = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis asks for bounds without a zone
KINDS = {
    "text": (pa.string(), texts),
    "smallint": (pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    "integer": (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    "bigint": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "boolean": (pa.bool_(), st.booleans()),
    "timestamptz": (INSTANT, instants),
}


def columns(kind: str) -> st.SearchStrategy[list]:
    """Values of a kind, some of them null."""
    return st.lists(st.none() | KINDS[kind][1], max_size=8)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_column_arrives_in_the_database_as_it_left(connection: psycopg.Connection, kind: str, data: st.DataObject) -> None:
    """Every value, null and order of a column survives being bound as one array, in one chunk, in several, or as a slice."""
    values = data.draw(columns(kind))
    arrow = KINDS[kind][0]
    query = f"SELECT v FROM unnest(%s::{kind}[]) WITH ORDINALITY AS u (v, n) ORDER BY n".encode()
    whole = pa.array(values, arrow)
    shapes = [whole, pa.chunked_array([whole[:1], whole[1:]], arrow), pa.array([None, *values, None], arrow)[1:-1]]
    if kind == "text":
        others = [whole.cast(pa.large_string()), whole.cast(pa.string_view())]
        shapes += [whole.dictionary_encode(), *others, pa.chunked_array(others[:1]), others[0].dictionary_encode()]
    for shape in shapes:
        assert values == [value for (value,) in connection.execute(query, [array_text(shape)])]


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (pa.array([], pa.string()), "{}"),
        (pa.chunked_array([], pa.int64()), "{}"),
        (pa.nulls(2), "{NULL,NULL}"),
        (pa.array(["", None, "NULL"]), '{"",NULL,"NULL"}'),
        (pa.array(['say "hi"', "C:\\x"]), '{"say \\"hi\\"","C:\\\\x"}'),
        (pa.array(["a,b", None], pa.large_string()), '{"a,b",NULL}'),
        (pa.array(["a,b", None], pa.string_view()), '{"a,b",NULL}'),
        (pa.array([1, None]), "{1,NULL}"),
        (pa.array([True, False, None]), "{true,false,NULL}"),
    ],
)
def test_the_text_of_an_array(column: pa.Array, text: str) -> None:
    """Texts are quoted, so that an empty text, the word NULL and nothing at all stay apart."""
    assert text == array_text(column)


@st.composite
def tables_of_every_kind(draw: st.DrawFn) -> pa.Table:
    """A table with a column of each kind."""
    count = draw(st.integers(0, 6))
    values = {kind: draw(st.lists(st.none() | form, min_size=count, max_size=count)) for kind, (_, form) in KINDS.items()}
    return pa.table({kind: pa.array(values[kind], arrow) for kind, (arrow, _) in KINDS.items()})


@given(table=tables_of_every_kind())
def test_columns_come_out_of_the_database_as_they_went_in(connection: psycopg.Connection, table: pa.Table) -> None:
    """The rows that the driver fetches become columns with every value, null and empty text in its place."""
    casts = ", ".join(f"%s::{kind}[]" for kind in KINDS)
    query = f"SELECT u.* FROM unnest({casts}) AS u".encode()
    fetched = connection.execute(query, [array_text(column) for column in table.columns]).fetchall()
    assert table == table_of(fetched, table.schema)


# The named queries.


def names_in_code() -> set[str]:
    """The query that each call of run, one or table in the floors above the core names."""
    found = set()
    for path in sorted(path for path in PLUGINS.rglob("*.py") if path.parent.name in {"store", "steps", "dag"}):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.func, ast.Attribute):
                first = node.args[0]
                if node.func.attr in {"run", "one", "table"} and isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found.add(first.value)
    return found


def test_every_query_that_the_code_names_exists() -> None:
    """A name that no file of include/sql/ledger has would only be noticed when it is run."""
    assert set() == names_in_code() - set(queries())
