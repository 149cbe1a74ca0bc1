"""What became of attempts: outcomes, deadlines, and the reattempts and exits that follow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from outcamp.store.datasets import ATTEMPTS
from outcamp.store.ledger import Transaction


@dataclass(frozen=True)
class RuleRow:
    """A reattempt rule as the ledger joins it: one row a disposition that the rule names."""

    rule: int
    disposition: str
    channel: str
    wait: timedelta
    times: int


@dataclass(frozen=True)
class Settled:
    """How many attempts got their disposition, and what followed."""

    disposed: int
    made: int
    exited: int


def record(tx: Transaction, campaign_id: int, outcomes: pa.Table) -> None:
    """Write outcomes (columns of ``submission.RESULTS``; state ``sent`` or ``not_delivered``) to their attempts, each once."""
    names = ("occurrence_id", "recipient_id", "attempt", "state", "disposition", "disposed_at")
    tx.run("record-outcomes", campaign_id=campaign_id, **{name: outcomes[name] for name in names})


def set_no_outcome(tx: Transaction, campaign_id: int, now: datetime) -> None:
    """Give attempts whose deadline has passed the disposition ``no_outcome``."""
    tx.run("set-no-outcome", campaign_id=campaign_id, now=now)


def settle(tx: Transaction, campaign_id: int, rules: list[RuleRow], expires_at: datetime | None) -> Settled:
    """Turn dispositions into the next attempt, or the entry's exit; a repeated call finds nothing left to do."""
    found = tx.one(
        "settle",
        campaign_id=campaign_id,
        expires_at=expires_at,
        rule=[row.rule for row in rules],
        disposition=[row.disposition for row in rules],
        channel=[row.channel for row in rules],
        wait=[row.wait for row in rules],
        times=[row.times for row in rules],
    )
    return Settled(*found)


def exit_at_expiry(tx: Transaction, campaign_id: int, expires_at: datetime) -> None:
    """End the entries that only wait for an outcome when the campaign expires."""
    tx.run("exit-at-expiry", campaign_id=campaign_id, expires_at=expires_at)


def submitted(tx: Transaction, campaign_id: int) -> pa.Table:
    """Return every attempt of a campaign that was submitted, in order."""
    return tx.copy_out("copy-attempts", ATTEMPTS, campaign_id=campaign_id)
