"""The ledger, as the command line reaches it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from outcamp.core.errors import OutcampError, UsageError

if TYPE_CHECKING:
    from outcamp.store.campaigns import KnownName
    from outcamp.store.ledger import Ledger

URI = "OUTCAMP_LEDGER"
VARIABLE = "AIRFLOW_CONN_OUTCAMP_LEDGER"


def is_embedded() -> bool:
    """Tell whether the ledger is the embedded one, because nothing in the environment names another."""
    return not os.environ.get(URI) and not os.environ.get(VARIABLE)


@contextmanager
def open_ledger(home: Path, *, migrate: bool = True) -> Iterator[Ledger]:
    """Open ``OUTCAMP_LEDGER``, the connection ``outcamp_ledger`` in the environment, or the embedded Postgres, and say so then."""
    from outcamp.cli.connections import read_definition
    from outcamp.segments.drivers import Target
    from outcamp.store.embedded import embedded_uri
    from outcamp.store.ledger import Ledger

    if is_embedded():  # whoever meant the books of a deployment must not believe that these are
        print(f"Ledger: the embedded one in .outcamp/ (neither {URI} nor {VARIABLE} is set)", file=sys.stderr)
    uri, definition = os.environ.get(URI), os.environ.get(VARIABLE)
    if uri or not definition:
        ledger = Ledger.at(uri or embedded_uri(home))
    else:
        said = read_definition(definition, VARIABLE)
        target = Target("outcamp_ledger", said.kind, said.host, said.port, said.login, said.password, said.schema, dict(said.options))
        ledger = Ledger.over(target.postgres_settings())
    with closing(ledger):
        if migrate:
            ledger.migrate()
        yield ledger


def known_name(home: Path, name: str) -> KnownName | None:
    """Return what the ledger knows of a name, for a verb that works without one; where it cannot be asked, that is told.

    It is not migrated: whoever publishes may have a newer checkout than the deployment, and no right to change its tables.
    """
    from outcamp.store import embedded
    from outcamp.store.campaigns import name_in

    if is_embedded() and not embedded.is_made(home):
        return None
    try:
        with open_ledger(home, migrate=False) as ledger:
            return name_in(ledger, name)
    except UsageError:
        raise
    except Exception as error:  # noqa: BLE001 - a server that does not start, a login without rights: publishing is a file in git
        said = error.message if isinstance(error, OutcampError) else type(error).__name__
        print(f"Warning: the ledger cannot be asked whether the name was used before: {said.rstrip('.')}.", file=sys.stderr)
        return None
