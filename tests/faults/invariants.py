"""The promise, checked from the receiving server's log, the ledger's tables and the lake; no query or rule of the product is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg

from faults.books import Books
from faults.decisions import deferred, verdicts
from faults.departures import counted, doubts, halted, limits, suppressed, told, twice, windows
from faults.pacing import paced
from faults.reviews import reviewed
from faults.standing import diary, entries, rest
from faults.world import World


def violations(world: World, connection: psycopg.Connection[Any]) -> list[str]:
    """Return everything that breaks the promise, each line beginning with the name of the check."""
    books = Books.of(world, connection)
    of_departures = (twice, limits, windows, halted, suppressed, paced, reviewed, counted, told, doubts)
    checks = (errors, *of_departures, entries, rest, verdicts, deferred, diary)
    return [f"{check.__name__}: {line}" for check in checks for line in check(books)]


def errors(books: Books) -> Iterator[str]:
    """No step raises anything but that it could not be done now."""
    yield from books.world.errors
