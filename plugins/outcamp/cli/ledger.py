"""The ledger, as the command line reaches it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from outcamp.core.errors import LedgerUnavailable

if TYPE_CHECKING:
    from outcamp.store.ledger import Ledger

URI = "OUTCAMP_LEDGER"
VARIABLE = "AIRFLOW_CONN_OUTCAMP_LEDGER"


def is_embedded() -> bool:
    """Tell whether the ledger is the embedded one, because nothing in the environment names another."""
    return not os.environ.get(URI) and not os.environ.get(VARIABLE)


@contextmanager
def open_ledger(home: Path) -> Iterator[Ledger]:
    """Open ``OUTCAMP_LEDGER``, the connection ``outcamp_ledger`` in the environment, or the embedded Postgres, and say so then."""
    import psycopg

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
        ledger = Ledger(lambda: psycopg.connect(**target.postgres_settings()))
    with closing(ledger):
        ledger.migrate()
        yield ledger


@contextmanager
def ledger_if_any(home: Path) -> Iterator[Ledger | None]:
    """Open the ledger for a verb that works without one: None where none was ever made, or where it does not answer, which is told."""
    from outcamp.store import embedded

    with ExitStack() as stack:
        ledger = None
        if not is_embedded() or embedded.is_made(home):
            try:
                ledger = stack.enter_context(open_ledger(home))
            except LedgerUnavailable as error:
                print(f"Warning: {error.message}. So it is not known here whether the name was used before.", file=sys.stderr)
        yield ledger
