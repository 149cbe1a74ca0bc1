"""What a database says went wrong, without what stands in its rows: a task's log names no recipient.

Databases quote values: ``invalid input syntax for type integer: "+12025550143"``. So their own words are repeated only where they are about
the text of the query, which lies in the project, or about the database itself; of anything else the kind of the error and its code.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import Any, Final

import psycopg

# Postgres' classes of SQLSTATE that are about the database: connection, state of the transaction, login, no such database, rolled back for
# another one, resources, a lock, an operator, the system. And one code: what the login may not read.
_OF_POSTGRES: Final = frozenset({"08", "25", "28", "3D", "40", "53", "55", "57", "58"})
_NOT_ALLOWED: Final = "42501"
# What SQLite calls operational and what may pass; all else that it calls so is the query's fault.
_PASSES: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR})
_OF_SQLITE: Final = _PASSES | {sqlite3.SQLITE_READONLY}
_SQLSTATE: Final = re.compile(r"[0-9A-Z]{5}")


def words_of(error: Exception, connection: Any, sql: str) -> str:
    """Return what may be told of an error: the database's words where they can hold no value, else the error's kind and its SQLSTATE.

    Args:
        error: What the driver raised.
        connection: Where it was raised.
        sql: The query that was run there; empty when rows were fetched, which are no query's text.
    """
    if (_is_about_postgres(error) or _is_about_sqlite(error, connection, sql)) and str(error).strip():
        return str(error).strip().splitlines()[0]
    sqlstate = getattr(error, "sqlstate", None)
    code = f", SQLSTATE {sqlstate}" if isinstance(sqlstate, str) and _SQLSTATE.fullmatch(sqlstate) else ""
    return f"{type(error).__name__}{code}"


def is_passing(error: Exception) -> bool:
    """Say whether an error is the database's trouble, which may pass, and not the query's."""
    if isinstance(error, sqlite3.OperationalError):
        return _code(error) in _PASSES
    return isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))


def _is_about_postgres(error: Exception) -> bool:
    if not isinstance(error, psycopg.Error):
        return False
    if error.sqlstate is None:  # the driver's own words: of a lost connection, or of a value that Python has no type for
        return is_passing(error)
    # A place in the query was found when it was read, before any row was. The class of syntax errors alone would not do: a search for
    # words that stand in a column fails with it too, and quotes them.
    return error.diag.statement_position is not None or error.sqlstate[:2] in _OF_POSTGRES or error.sqlstate == _NOT_ALLOWED


def _is_about_sqlite(error: Exception, connection: Any, sql: str) -> bool:
    if not isinstance(error, sqlite3.Error):
        return False
    return _code(error) in _OF_SQLITE or str(error) == _said_of_text(connection, sql)


def _said_of_text(connection: Any, sql: str) -> str | None:
    """Return what SQLite says of a query's text alone, which it compiles without looking at a row; None when that is fine."""
    if not sql:
        return None
    try:
        with closing(connection.cursor()) as cursor:
            cursor.execute(f"EXPLAIN {sql}")
    except sqlite3.Error as error:
        return str(error)
    return None


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF  # the higher bits say more than is asked
