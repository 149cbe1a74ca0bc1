"""What a person said to the occurrences of a campaign with a review: a fact of each, of which the first answer stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from outcamp.store.ledger import Transaction

PENDING: Final = "pending"
APPROVED: Final = "approved"
REJECTED: Final = "rejected"


@dataclass(frozen=True)
class Pending:
    """An occurrence that nobody has answered yet. ``decided``: everybody in it has a verdict."""

    occurrence_id: int
    scheduled_at: datetime
    decided: bool
    run: str


def review_of(tx: Transaction, occurrence_id: int) -> str | None:
    """Return what was said to an occurrence: pending, approved or rejected; None when nobody has to be asked."""
    review: str | None = tx.one("review-of-occurrence", occurrence_id=occurrence_id)[0]
    return review


def hold_review(tx: Transaction, occurrence_id: int) -> str | None:
    """Return what was said to an occurrence, and let nobody answer until this transaction has ended."""
    review: str | None = tx.one("hold-review", occurrence_id=occurrence_id)[0]
    return review


def pending(tx: Transaction, campaign_id: int) -> list[Pending]:
    """Return the occurrences that nobody has answered yet, in order of time."""
    return [Pending(*row) for row in tx.run("pending-reviews", campaign_id=campaign_id)]


def approve(tx: Transaction, occurrence_id: int, now: datetime) -> None:
    """Let an occurrence go, unless it was answered before."""
    tx.run("approve-occurrence", occurrence_id=occurrence_id, now=now)


def reject(tx: Transaction, campaign_id: int, occurrence_id: int, now: datetime, reason: str = REJECTED) -> int:
    """End an occurrence, unless it was answered before, and return how many people left for this reason."""
    if not tx.one("reject-occurrence", occurrence_id=occurrence_id, now=now):
        return 0
    return len(tx.run("exit-rejected", campaign_id=campaign_id, occurrence_id=occurrence_id, now=now, reason=reason))


def reject_all(tx: Transaction, campaign_id: int, now: datetime, reason: str) -> int:
    """End every occurrence that nobody has answered, when nobody can be admitted to it any more; return how many people left."""
    return sum(reject(tx, campaign_id, one.occurrence_id, now, reason) for one in pending(tx, campaign_id))


def reject_decided(tx: Transaction, campaign_id: int, now: datetime, reason: str = REJECTED, before: datetime | None = None) -> int:
    """End the occurrences that are decided and that nobody has answered, all or those before an instant; return how many people left."""
    return sum(
        reject(tx, campaign_id, one.occurrence_id, now, reason)
        for one in pending(tx, campaign_id)
        if one.decided and (before is None or one.scheduled_at < before)
    )
