"""The recorded facts that end a campaign, or hold it until somebody has looked."""

from __future__ import annotations

from datetime import datetime

from outcamp.store import reviews
from outcamp.store.ledger import Transaction


def stop(tx: Transaction, campaign_id: int, now: datetime, *, delete: bool) -> int:
    """Record that a campaign is stopped (and deleted), end whoever is in it, and return how many that were."""
    reason = "deleted" if delete else "stopped"
    tx.run("stop-campaign", campaign_id=campaign_id, now=now, delete=delete)
    return let_go(tx, campaign_id, now, reason)


def let_go(tx: Transaction, campaign_id: int, now: datetime, reason: str) -> int:
    """Let everybody leave a campaign that has been stopped, but for those in a wave's hands, and return how many that were."""
    left = reviews.reject_decided(tx, campaign_id, now, reason)  # their waves wait for a person, and would hold their people
    tx.run("close-waiting", campaign_id=campaign_id, reason=reason)
    tx.run("drop-deferred", campaign_id=campaign_id)
    return left + len(tx.run("exit-entries", campaign_id=campaign_id, now=now, reason=reason))


def record_error(tx: Transaction, campaign_id: int, now: datetime, reason: str, *, told: bool = False) -> None:
    """Record that a campaign is in Error, unless it is already; ``told``: whoever records it tells of it."""
    tx.run("record-error", campaign_id=campaign_id, now=now, reason=reason, told=told)


def untold_errors(tx: Transaction) -> list[tuple[str, str]]:
    """Return the names and reasons of the campaigns in Error of which nobody has been told."""
    return [(name, reason) for name, reason in tx.run("untold-errors")]


def tell_error(tx: Transaction, name: str, now: datetime) -> None:
    """Record that a campaign's Error has been told."""
    tx.run("tell-error", name=name, now=now)


def lift_error(tx: Transaction, campaign_id: int) -> str | None:
    """Take the error away, and return what it was; None when there was none."""
    reason: str | None = tx.one("lift-error", campaign_id=campaign_id)[0]
    return reason
