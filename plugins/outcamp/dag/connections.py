"""Airflow's connections: what each one says, and the databases and object stores behind them. Called inside tasks only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from outcamp.core.errors import NotSupportedYet, SourceUnavailable
from outcamp.core.places import Address, Place

if TYPE_CHECKING:
    from outcamp.segments.drivers import Target


def target_of(conn_id: str) -> Target:
    """Return what an Airflow connection says."""
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

    from outcamp.segments.drivers import Target

    try:
        found = Connection.get(conn_id)
    except (AirflowNotFoundException, AirflowRuntimeError):
        problem = f"Airflow has no connection {conn_id!r}."
        next_step = f"Add it in Airflow (Admin, Connections), or as AIRFLOW_CONN_{conn_id.upper()}."
        raise SourceUnavailable(problem, next_step=next_step) from None
    return Target(
        name=conn_id,
        kind=found.conn_type or "",
        host=found.host or "",
        port=found.port,
        login=found.login or "",
        password=found.password or "",
        schema=found.schema or "",
        options=found.extra_dejson,
    )


def open_place(named: Path | Address) -> Place:
    """Open a place: a path as it is, an address over the Airflow connection that it names."""
    from outcamp.steps.places import opener

    return opener(target_of)(named)


def url_of(target: Target) -> str:
    """Return the address that a connection of the type http means: https, unless it says http; the host may hold a path."""
    scheme, _, rest = target.host.rpartition("://")
    scheme = scheme or target.schema or "https"
    host, slash, path = rest.partition("/")
    port = f":{target.port}" if target.port else ""
    return f"{scheme}://{host}{port}{slash}{path}"


def open_connection(conn_id: str | None, home: Path) -> Any:
    """Open the database that an Airflow connection names, to read from it; without a name, the embedded Postgres."""
    from outcamp.segments import drivers
    from outcamp.store.embedded import embedded_uri

    target = drivers.embedded(embedded_uri(home)) if conn_id is None else target_of(conn_id)
    return drivers.open_database(target, home) if target.kind in drivers.KINDS else _by_hook(target)


def _by_hook(target: Target) -> Any:
    """Open any other database by the hook of its provider: whatever speaks Python's DB-API will do."""
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowException

    try:
        hook = BaseHook.get_hook(target.name)
    except (AirflowException, ImportError) as error:
        problem = f"The connection {target.name!r} is of the kind {target.kind!r}, and no installed provider opens it: {error}."
        raise NotSupportedYet(problem, next_step="Install its Airflow provider, or use a postgres or sqlite connection.") from None
    if not hasattr(hook, "get_conn"):
        problem = f"The connection {target.name!r} is of the kind {target.kind!r}, which is no database."
        raise NotSupportedYet(problem, next_step="Name a database connection in segment.connection.")
    return hook.get_conn()
