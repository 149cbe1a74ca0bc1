"""progress: count how far occurrences have come, so that a page reads a few rows however many attempts there are."""

from __future__ import annotations

from datetime import datetime

from outcamp.store import progress
from outcamp.store.ledger import Ledger

RESTS = 19.0  # times what counting took: it never takes more than a twentieth of the time


def in_doubt(ledger: Ledger) -> int:
    """Return of how many attempts nobody knows whether they went, as far as it was counted."""
    with ledger.transaction() as tx:
        return progress.in_doubt(tx)


def refresh(ledger: Ledger, now: datetime, campaign: str | None = None, *, rests: float = RESTS) -> int:
    """Count the occurrences that may have changed, and return how many were; what was just counted is left for the next call.

    Each occurrence is a transaction of its own: whoever is killed in between has done those before.

    Args:
        ledger: The books.
        now: The instant that the numbers are true for.
        campaign: One campaign; None: all of them.
        rests: How many times its own duration an occurrence is left alone after it was counted.
    """
    with ledger.transaction() as tx:
        changed = progress.to_refresh(tx, campaign, rests)
    counted = 0
    for occurrence_id in changed:
        with ledger.transaction() as tx:
            counted += progress.refresh(tx, occurrence_id, now)
    return counted
