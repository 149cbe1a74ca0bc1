"""Database connections for the command line, named as in Airflow and taken from the environment."""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from outcamp.core.errors import NotSupportedYet, SourceUnavailable, UsageError

if TYPE_CHECKING:
    import psycopg

Connection = Any  # a connection of Python's DB-API; its drivers share no class

CONNECT_SECONDS: Final = 10
_POSTGRES: Final = frozenset({"postgres", "postgresql"})


@dataclass(frozen=True, repr=False)  # repr=False: a traceback must not show the password
class Target:
    """What a connection's definition says."""

    kind: str
    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = ""
    schema: str = ""
    options: tuple[tuple[str, str], ...] = ()


def open_connection(conn_id: str | None, home: Path) -> Connection:
    """Open the database that an Airflow connection names, to read from it; without a name, the embedded Postgres.

    Args:
        conn_id: The connection's id. It is looked up as ``AIRFLOW_CONN_<ID>``, a URI or JSON.
        home: The root of the project, where the embedded Postgres lives and relative paths start.
    """
    if conn_id is None:
        import psycopg

        from outcamp.store.embedded import embedded_uri

        try:
            return _read_only(psycopg.connect(embedded_uri(home)))
        except psycopg.Error as error:
            raise _unreachable("embedded Postgres", str(home), error, "") from None
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    definition = os.environ.get(variable)
    if not definition:
        problem = f"The connection {conn_id!r} is not in the environment; the command line does not read Airflow's own store yet."
        raise NotSupportedYet(problem, next_step=f"Set {variable} to its URI or JSON.")
    target = read_definition(definition, variable)
    if target.kind in _POSTGRES:
        return _open_postgres(target, conn_id)
    if target.kind == "sqlite":
        return _open_sqlite(target, conn_id, home)
    problem = f"The connection {conn_id!r} is of the kind {target.kind!r}, which is not supported yet."
    raise NotSupportedYet(problem, next_step="Use a postgres or sqlite connection.")


def read_definition(definition: str, variable: str) -> Target:
    """Return what a connection's definition says, in either of Airflow's two forms.

    Args:
        definition: A URI, or a JSON object with conn_type, host, port, login, password, schema and extra.
        variable: The name of the environment variable that holds it; errors show this name and never the value.
    """
    try:
        return _from_json(definition) if definition.lstrip().startswith("{") else _from_uri(definition)
    except (ValueError, TypeError, AttributeError, KeyError):
        # The reason would quote the definition, and with it perhaps the password.
        next_step = "Write it as conn_type://login:password@host:port/schema, special characters percent-encoded, or as Airflow's JSON."
        raise UsageError(f"{variable} is not the definition of a connection.", next_step=next_step) from None


def _from_json(definition: str) -> Target:
    data = json.loads(definition)
    extra = data.get("extra") or {}
    extra = json.loads(extra) if isinstance(extra, str) else extra
    return Target(
        kind=data["conn_type"],
        host=data.get("host") or "",
        port=int(data["port"]) if data.get("port") else None,
        login=data.get("login") or "",
        password=data.get("password") or "",
        schema=data.get("schema") or "",
        options=tuple((str(name), str(value)) for name, value in extra.items()),
    )


def _from_uri(definition: str) -> Target:
    parts = urlsplit(definition)
    if not parts.scheme:
        raise ValueError
    path = unquote(parts.path)
    if parts.scheme == "sqlite":
        # sqlite:////absolute/path, sqlite:///relative/path, or the host as Airflow writes it: sqlite://%2Fabsolute%2Fpath
        return Target(kind="sqlite", host=unquote(parts.netloc) or path.removeprefix("/"))
    return Target(
        kind=parts.scheme,
        host=unquote(parts.hostname or ""),
        port=parts.port,
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        schema=path.removeprefix("/"),
        options=tuple(parse_qsl(parts.query)),
    )


def _open_postgres(target: Target, conn_id: str) -> Connection:
    import psycopg

    settings: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, **dict(target.options)}
    named = {"host": target.host, "port": target.port, "user": target.login, "password": target.password, "dbname": target.schema}
    settings.update({name: value for name, value in named.items() if value})
    try:
        return _read_only(psycopg.connect(**settings))
    except psycopg.Error as error:
        raise _unreachable(conn_id, target.host or "localhost", error, target.password) from None


def _read_only(connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    connection.read_only = True
    return connection


def _open_sqlite(target: Target, conn_id: str, home: Path) -> Connection:
    path = home / (target.host or target.schema)
    try:
        # Opened as it is: sqlite would make a new, empty database of a name that is misspelt.
        return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error as error:
        raise _unreachable(conn_id, str(path), error, "") from None


def _unreachable(conn_id: str, host: str, error: Exception, password: str) -> SourceUnavailable:
    reason = " ".join(str(error).split()) or type(error).__name__
    if password:
        reason = reason.replace(password, "***")
    problem = f"The database of the connection {conn_id!r} at {host} cannot be reached: {reason}."
    return SourceUnavailable(
        problem, next_step="Check that it is up and that the connection's host, port and login are right; then try again."
    )
