"""The ledger's connection: transactions, bulk columns in and out, migrations, and foreign errors mapped at this border."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any

import psycopg
import pyarrow as pa

from outcamp.core.errors import LedgerUnavailable, UsageError
from outcamp.store.columns import array_text, table_of
from outcamp.store.sql import migrations, queries

# Of a server that is gone one should know before long: the system's own patience is two hours.
_PATIENCE = {"connect_timeout": "10", "keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3"}
Connect = Callable[[], psycopg.Connection[Any]]
_COLUMNS = (pa.Array, pa.ChunkedArray)
_LOST = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
)


# Classes of SQLSTATE whose first line names tables, columns and constraints, and holds no value.
_ABOUT_STATEMENTS = frozenset({"0A", "23", "25", "42", "P0", "XX"})


class Transaction:
    """One open transaction: named queries with bound parameters, and columns in and out."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def run(self, name: str, /, **parameters: Any) -> list[tuple[Any, ...]]:
        """Run a named query and return its rows, of which there are few; a column is bound as one array parameter."""
        bound = {key: array_text(value) if isinstance(value, _COLUMNS) else value for key, value in parameters.items()}
        cursor = self._connection.execute(_text(name), bound or None)
        # cursor.description would say the same after making an object for each column.
        return cursor.fetchall() if cursor.pgresult is not None and cursor.pgresult.nfields else []

    def one(self, name: str, /, **parameters: Any) -> tuple[Any, ...]:
        """Run a named query that answers with one row; no row comes back as an empty tuple."""
        rows = self.run(name, **parameters)
        return rows[0] if rows else ()

    def run_text(self, text: str) -> None:
        """Run the text of a migration, which may be several statements."""
        self._connection.execute(text.encode())

    def table(self, name: str, schema: pa.Schema, /, **parameters: Any) -> pa.Table:
        """Run a named query and return its rows as columns of this schema."""
        return table_of(self.run(name, **parameters), schema)


@cache
def _text(name: str) -> bytes:
    return queries()[name].encode()


class Ledger:
    """A connection to the ledger, opened at first use and again after it was lost; one per thread."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._connection: psycopg.Connection[Any] | None = None

    @classmethod
    def at(cls, uri: str) -> Ledger:
        """Return the ledger in the database that this URI names; a URI that cannot be read is refused without being shown."""
        try:
            parts = psycopg.conninfo.conninfo_to_dict(uri)
        except psycopg.ProgrammingError:
            parts = {"host": "@"}
        if "@" in str(parts.get("host", "")):  # an unescaped @ in a password makes its tail the host
            raise UsageError(
                "The ledger's address is not a Postgres URI.",
                next_step="write postgresql://user:password@host:5432/database, with %40 for an @ in the password",
            )
        return cls(
            lambda: psycopg.connect(
                psycopg.conninfo.make_conninfo(uri, **{key: value for key, value in _PATIENCE.items() if key not in parts})
            )
        )

    @classmethod
    def over(cls, settings: Mapping[str, Any]) -> Ledger:
        """Return the ledger that these settings of libpq reach."""
        return cls(lambda: psycopg.connect(**{**_PATIENCE, **settings}))

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Run a block as one transaction: committed at its end, rolled back on any error."""
        with self._answering() as connection, connection.transaction():
            yield Transaction(connection)

    @contextmanager
    def _answering(self) -> Iterator[psycopg.Connection[Any]]:
        """Yield the connection; what means that the database is away, or gave up on a lock, is said in our own words."""
        try:
            yield self._open()
        except _LOST as error:
            self.close()
            raise LedgerUnavailable(
                f"The ledger did not answer: {_first_line(error)}",
                next_step="nothing was sent in this step; it goes on by itself when the database answers again",
            ) from error
        except psycopg.Error as error:
            raise _without_rows(error).with_traceback(error.__traceback__) from None

    def now(self) -> datetime:
        """Return the database's clock, which is the one clock of all workers."""
        with self._answering() as connection:  # asked often: a statement of its own, without a transaction around it
            ((instant,),) = connection.execute(_text("clock")).fetchall()
            found: datetime = instant
            return found

    def migrate(self) -> None:
        """Bring the ledger's tables to the newest migration; several processes may do so at once."""
        with self.transaction() as tx:
            tx.run("lock-migrations")
            tx.run("create-migrations")
            done = {number for (number,) in tx.run("applied-migrations")}
            for number, name, text in migrations():
                if number not in done:
                    tx.run_text(text)
                    tx.run("record-migration", number=number, name=name)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            connection = self._connect()
            connection.autocommit = True  # transactions are opened by name, in transaction()
            # Whoever has waited for a lock must see what was committed meanwhile, whatever the server's default is.
            connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            connection.execute("SET TIME ZONE 'UTC'")
            connection.execute(_text("keep-commits"))
            connection.execute(_text("keep-to-plan"))
            self._connection = connection
        return self._connection


def _without_rows(error: psycopg.Error) -> psycopg.Error:
    """Return an error of the same kind without the row that Postgres quotes behind its first line, and some kinds in it: it is logged."""
    kind, words = type(error), error.diag.message_primary
    if words is None:  # the driver's own
        return error
    return kind(words if (error.sqlstate or "")[:2] in _ABOUT_STATEMENTS else f"{kind.__name__}, SQLSTATE {error.sqlstate}")


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return re.sub(r"(password=)\S+|(://)[^/\s]*@", r"\1\2***", text)
