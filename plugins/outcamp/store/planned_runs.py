"""Runs that waves asked for and that have not begun."""

from __future__ import annotations

from datetime import datetime

from outcamp.store.ledger import Transaction


def lock(tx: Transaction, campaign_id: int) -> None:
    """Let nobody else decide about a campaign's queued runs until the transaction ends."""
    tx.run("lock-planned-runs", campaign_id=campaign_id)


def plan(tx: Transaction, campaign: str, run: str, at: datetime) -> None:
    """Note that a run is asked for."""
    tx.run("plan-run", campaign=campaign, run=run, at=at)


def still_to_come(tx: Transaction, campaign: str) -> dict[str, datetime]:
    """Return the runs (key to instant) that were asked for and whose wave has not been opened, in order of time."""
    return dict(tx.run("planned-runs", campaign=campaign))


def forget(tx: Transaction, campaign: str, gone: list[str]) -> None:
    """Forget runs that are gone, and all whose wave has been opened."""
    tx.run("forget-planned-runs", campaign=campaign, gone=gone)
