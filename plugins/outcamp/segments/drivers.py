"""Opening the database of a segment or of the ledger: what a connection says, and the driver that reads it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg

from outcamp.core.errors import NotSupportedYet, Permanent, SourceUnavailable

Connection = Any  # a connection of Python's DB-API; its drivers share no class

CONNECT_SECONDS: Final = 10
POSTGRES: Final = frozenset({"postgres", "postgresql"})
SQLITE: Final = "sqlite"
KINDS: Final = POSTGRES | {SQLITE}


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

    def object_of(self, name: str) -> Mapping[str, Any]:
        """Return an object in the connection's extra; in a connection that is written as a URI it is a text of JSON."""
        found = self.options.get(name) or {}
        if isinstance(found, str):
            with suppress(ValueError):
                found = json.loads(found)
        if not isinstance(found, Mapping):
            problem = f"The extra of the connection {self.name!r} has {name}, which is no object of JSON."
            raise Permanent(problem, next_step='Write it as {"name": "value"}.')
        return found


def embedded(uri: str) -> Target:
    """Return the embedded Postgres, which is where a segment without a connection is read."""
    return Target("embedded Postgres", "postgres", options={"conninfo": uri})


def open_database(target: Target, home: Path) -> Connection:
    """Open a Postgres or a SQLite file to read from it; the path of a file starts at the project's root."""
    if target.kind in POSTGRES:
        return _open_postgres(target)
    if target.kind == SQLITE:
        return _open_sqlite(target, home)
    problem = f"The connection {target.name!r} is of the kind {target.kind!r}, which is not supported yet."
    raise NotSupportedYet(problem, next_step="Use a postgres or sqlite connection.")


def _open_postgres(target: Target) -> psycopg.Connection[Any]:
    try:
        connection = psycopg.connect(**target.postgres_settings())
    except psycopg.Error as error:
        raise _unreachable(target, target.host or "localhost", error) from None
    connection.read_only = True
    return connection


def _open_sqlite(target: Target, home: Path) -> sqlite3.Connection:
    path = home / (target.host or target.schema)
    try:
        # Opened as it is: sqlite would make a new, empty database of a name that is misspelt.
        return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error as error:
        raise _unreachable(target, str(path), error) from None


def _unreachable(target: Target, where: str, error: Exception) -> SourceUnavailable:
    reason = " ".join(str(error).split()) or type(error).__name__
    if target.password:
        reason = reason.replace(target.password, "***")
    return SourceUnavailable(
        f"The database of the connection {target.name!r} at {where} cannot be reached: {reason}.",
        next_step="Check that it is up and that the connection's host, port and login are right; then try again.",
    )
