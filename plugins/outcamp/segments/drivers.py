"""Opening the database of a segment or of the ledger: what a connection says, and the driver that reads it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg

from outcamp.core.errors import SourceUnavailable

CONNECT_SECONDS: Final = 10
POSTGRES: Final = frozenset({"postgres", "postgresql"})
SQLITE: Final = "sqlite"


@dataclass(frozen=True, repr=False)  # repr=False: a traceback must not show the password
class Target:
    """What a connection's definition says, whoever keeps it."""

    name: str
    kind: str
    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = ""
    schema: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def postgres_settings(self) -> dict[str, Any]:
        """Return the settings under which libpq reaches a Postgres."""
        named = {"host": self.host, "port": self.port, "user": self.login, "password": self.password, "dbname": self.schema}
        return {"connect_timeout": CONNECT_SECONDS, **self.options} | {name: value for name, value in named.items() if value}


def open_postgres(target: Target) -> psycopg.Connection[Any]:
    """Open a Postgres to read from it."""
    try:
        connection = psycopg.connect(**target.postgres_settings())
    except psycopg.Error as error:
        raise _unreachable(target, error) from None
    connection.read_only = True
    return connection


def open_sqlite(target: Target, home: Path) -> sqlite3.Connection:
    """Open a SQLite file to read from it; a name that is misspelt makes no new, empty one."""
    path = home / (target.host or target.schema)
    try:
        return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error as error:
        raise _unreachable(target, error) from None


def _unreachable(target: Target, error: Exception) -> SourceUnavailable:
    reason = " ".join(str(error).split()) or type(error).__name__
    if target.password:
        reason = reason.replace(target.password, "***")
    return SourceUnavailable(
        f"The database of the connection {target.name!r} cannot be reached: {reason}.",
        next_step="Check that it is up and that the connection's host, port and login are right; then try again.",
    )
