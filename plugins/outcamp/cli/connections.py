"""Database connections for the command line, named as in Airflow and taken from the environment."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from outcamp.core.errors import NotSupportedYet, UsageError
from outcamp.segments import drivers
from outcamp.segments.drivers import Connection, Target


def open_connection(conn_id: str | None, home: Path) -> Connection:
    """Open the database that an Airflow connection names, to read from it; without a name, the embedded Postgres.

    Args:
        conn_id: The connection's id. It is looked up as ``AIRFLOW_CONN_<ID>``, a URI or JSON.
        home: The root of the project, where the embedded Postgres lives and relative paths start.
    """
    from outcamp.store.embedded import embedded_uri

    return drivers.open_database(drivers.embedded(embedded_uri(home)) if conn_id is None else target_of(conn_id), home)


def target_of(conn_id: str) -> Target:
    """Return what the environment says of an Airflow connection: ``AIRFLOW_CONN_<ID>``."""
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    definition = os.environ.get(variable)
    if not definition:
        problem = f"The connection {conn_id!r} is not in the environment; the command line does not read Airflow's own store yet."
        raise NotSupportedYet(problem, next_step=f"Set {variable} to its URI or JSON.")
    return replace(read_definition(definition, variable), name=conn_id)


def read_definition(definition: str, variable: str) -> Target:
    """Return what a connection's definition says, in either of Airflow's two forms.

    Args:
        definition: A URI, or a JSON object with conn_type, host, port, login, password, schema and extra.
        variable: The name of the environment variable that holds it, and of the target; errors show this name and never the value.
    """
    try:
        return _from_json(definition, variable) if definition.lstrip().startswith("{") else _from_uri(definition, variable)
    except (ValueError, TypeError, AttributeError, KeyError):
        # The reason would quote the definition, and with it perhaps the password.
        next_step = "Write it as conn_type://login:password@host:port/schema, special characters percent-encoded, or as Airflow's JSON."
        raise UsageError(f"{variable} is not the definition of a connection.", next_step=next_step) from None


def _from_json(definition: str, name: str) -> Target:
    data = json.loads(definition)
    extra = data.get("extra") or {}
    extra = json.loads(extra) if isinstance(extra, str) else extra
    return Target(
        name=name,
        kind=data["conn_type"],
        host=data.get("host") or "",
        port=int(data["port"]) if data.get("port") else None,
        login=data.get("login") or "",
        password=data.get("password") or "",
        schema=data.get("schema") or "",
        options={str(option): json.dumps(value) if isinstance(value, dict) else str(value) for option, value in extra.items()},
    )


def _from_uri(definition: str, name: str) -> Target:
    parts = urlsplit(definition)
    if not parts.scheme:
        raise ValueError
    path = unquote(parts.path)
    if parts.scheme == "sqlite":
        # sqlite:////absolute/path, sqlite:///relative/path, or the host as Airflow writes it: sqlite://%2Fabsolute%2Fpath
        return Target(name, "sqlite", host=unquote(parts.netloc) or path.removeprefix("/"))
    return Target(
        name=name,
        kind=parts.scheme,
        host=unquote(parts.hostname or ""),
        port=parts.port,
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        schema=path.removeprefix("/"),
        options=dict(parse_qsl(parts.query)),
    )
