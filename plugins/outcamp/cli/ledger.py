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

VARIABLE = "AIRFLOW_CONN_OUTCAMP_LEDGER"


@contextmanager
def open_ledger(home: Path) -> Iterator[Ledger]:
    """Open the ledger: ``OUTCAMP_LEDGER``, the connection ``outcamp_ledger`` in the environment, or the embedded Postgres."""
    import psycopg

    from outcamp.cli.connections import read_definition
    from outcamp.segments.drivers import Target
    from outcamp.store.embedded import embedded_uri
    from outcamp.store.ledger import Ledger

    uri, definition = os.environ.get("OUTCAMP_LEDGER"), os.environ.get(VARIABLE)
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
        if os.environ.get("OUTCAMP_LEDGER") or os.environ.get(VARIABLE) or embedded.is_made(home):
            try:
                ledger = stack.enter_context(open_ledger(home))
            except LedgerUnavailable as error:
                print(f"Warning: {error.message}. So it is not known here whether the name was used before.", file=sys.stderr)
        yield ledger
