"""The do-not-contact list in the ledger; the filter and every send look at it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from outcamp.store.datasets import ATTEMPT_KEYS
from outcamp.store.ledger import Transaction

# Lines to add. kind: recipient or endpoint; value: the id, or the endpoint as the filter writes it; channel: empty means all.
LINES = pa.schema([("kind", pa.string()), ("value", pa.string()), ("channel", pa.string()), ("reason", pa.string())])


@dataclass(frozen=True)
class Line:
    """A line of the list. ``key`` is the SHA-256 of who it is, in hexadecimal."""

    kind: str
    key: str
    channel: str
    reason: str
    since: datetime


@dataclass(frozen=True)
class Count:
    """How many lines of a kind, channel and reason there are, and when the first and the last was added."""

    kind: str
    channel: str
    reason: str
    lines: int
    first: datetime
    last: datetime


def add(tx: Transaction, lines: pa.Table, at: datetime) -> int:
    """Put lines (``LINES``) on the list, and return how many were not on it."""
    added: int = tx.one("suppress", at=at, **{name: lines[name] for name in LINES.names})[0]
    return added


def add_by_outcome(tx: Transaction, outcomes: pa.Table, asked: pa.ChunkedArray, at: datetime) -> int:
    """Put on the list the endpoints that these attempts (``ATTEMPT_KEYS`` and disposition) went to, each on its channel.

    The recipients come along where they asked for it. Returns how many lines were not there.
    """
    names = (*ATTEMPT_KEYS.names, "disposition")
    added: int = tx.one("suppress-by-outcome", at=at, asked=asked, **{name: outcomes[name] for name in names})[0]
    return added


def remove(tx: Transaction, kind: str, value: str, channel: str | None) -> int:
    """Take somebody off the list, for one channel or (None) altogether, and return how many lines that were."""
    removed: int = tx.one("unsuppress", kind=kind, value=value, channel=channel)[0]
    return removed


def counts(tx: Transaction) -> list[Count]:
    """Return how many lines there are of each kind, channel and reason, most first."""
    return [Count(*row) for row in tx.run("suppression-counts")]


def newest(tx: Transaction, most: int, kind: str | None = None, value: str | None = None) -> list[Line]:
    """Return the newest lines, or those of one recipient or endpoint."""
    return [Line(*row) for row in tx.run("newest-suppressions", most=most, kind=kind, value=value)]
