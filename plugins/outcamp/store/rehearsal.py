"""Books that a rehearsal begins with: earlier communications of other campaigns, and a do-not-contact list."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from outcamp.store.ledger import Transaction


def forget_at_crash(tx: Transaction) -> None:
    """Give up durability for speed: the ledger of a rehearsal is thrown away."""
    tx.run("forget-at-crash")


def load_history(tx: Transaction, history: pa.Table, at: datetime) -> None:
    """Write earlier communications (recipient_id, bucket, campaign, contacted_at, active) as counted attempts of other campaigns.

    A campaign that is listed both active and not is two of them: each row counts by its own word. What comes after ``at`` does not
    count yet: see ``history_has_come``.
    """
    if not history.num_rows:
        return
    columns = {name: history[name] for name in ("campaign", "contacted_at", "active")}
    tx.run("load-history-campaigns", **columns)
    tx.run("load-history-occurrences")
    tx.run("load-history-attempts", at=at, **columns, recipient_id=history["recipient_id"], bucket=history["bucket"])


def history_has_come(tx: Transaction, now: datetime) -> None:
    """Let the communications of the history count that have happened by now."""
    tx.run("history-has-come", now=now)


def load_suppressions(tx: Transaction, suppressions: pa.Table, at: datetime) -> None:
    """Write a do-not-contact list (recipient_id or endpoint, channel).

    Only endpoints in the form that the filter gives them are met again: what is kept is their SHA-256.
    """
    if not suppressions.num_rows:
        return
    tx.run("load-suppressions", at=at, **{name: suppressions[name] for name in ("recipient_id", "endpoint", "channel")})
