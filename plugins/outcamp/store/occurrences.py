"""Occurrences whose wave did not come to the end of its decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from outcamp.store.ledger import Transaction


@dataclass(frozen=True)
class Undecided:
    """An occurrence that is open: not every candidate has a verdict, or nobody has answered its review."""

    occurrence_id: int
    scheduled_at: datetime
    run: str


def undecided(tx: Transaction, campaign_id: int) -> list[Undecided]:
    """Return a campaign's open occurrences, in order of time."""
    return [Undecided(*row) for row in tx.run("undecided-occurrences", campaign_id=campaign_id)]


def newest(tx: Transaction, campaign_id: int) -> datetime | None:
    """Return the instant of the newest occurrence that was opened."""
    found: datetime | None = tx.one("newest-occurrence", campaign_id=campaign_id)[0]
    return found


def close(tx: Transaction, occurrence_id: int, now: datetime) -> None:
    """Close an occurrence: a repeated run decides nobody any more."""
    tx.run("close-occurrence", occurrence_id=occurrence_id, now=now)


def expecting(tx: Transaction, now: datetime) -> frozenset[str]:
    """Return the names of the campaigns that may have an occurrence to decide, now or later."""
    return frozenset(name for (name,) in tx.run("campaigns-with-occurrences", now=now))
