"""What became of attempts, and the reattempts and exits that follow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from outcamp.store.columns import table_of
from outcamp.store.datasets import ATTEMPT_KEYS, ATTEMPTS, INSTANT
from outcamp.store.ledger import Transaction

# Outcomes as they are written to their attempts; unreached: the channel proved that the message never reached the person.
OUTCOMES = pa.schema([*ATTEMPT_KEYS, ("disposition", pa.string()), ("disposed_at", INSTANT), ("unreached", pa.bool_())])
# Attempts that have just got their disposition.
DISPOSED = pa.schema([*ATTEMPT_KEYS, ("disposition", pa.string()), ("disposed_at", INSTANT)])
Rows = list[tuple[object, ...]]


@dataclass(frozen=True)
class RuleRow:
    """A reattempt rule as the ledger joins it: one row a disposition that the rule names."""

    rule: int
    disposition: str
    channel: str
    wait: timedelta
    times: int


@dataclass(frozen=True)
class Followed:
    """How many attempts got their disposition, and what followed: reattempts made, entries exited."""

    disposed: int
    made: int
    exited: int


def record(tx: Transaction, campaign_id: int, outcomes: pa.Table) -> Rows:
    """Write outcomes (``OUTCOMES``) to their attempts, each once, and return the attempts that they disposed."""
    return tx.run("record-outcomes", campaign_id=campaign_id, **{name: outcomes[name] for name in OUTCOMES.names})


def set_no_outcome(tx: Transaction, campaign_id: int, now: datetime) -> Rows:
    """Give attempts whose deadline has passed the disposition ``no_outcome``, and return them."""
    return tx.run("set-no-outcome", campaign_id=campaign_id, now=now)


def follow(tx: Transaction, campaign_id: int, disposed: Rows, rules: list[RuleRow], expires_at: datetime | None) -> Followed:
    """Make what follows on attempts that were disposed in this transaction: the next attempt, or the entry's exit."""
    if not disposed:
        return Followed(0, 0, 0)
    columns = table_of(disposed, DISPOSED)
    made, exited = tx.one(
        "follow",
        campaign_id=campaign_id,
        expires_at=expires_at,
        rule=[row.rule for row in rules],
        names=[row.disposition for row in rules],
        channel=[row.channel for row in rules],
        wait=[row.wait for row in rules],
        times=[row.times for row in rules],
        **{name: columns[name] for name in DISPOSED.names},
    )
    return Followed(len(disposed), made, exited)


def exit_at_expiry(tx: Transaction, campaign_id: int, expires_at: datetime) -> None:
    """End the entries that only wait for an outcome when the campaign expires."""
    tx.run("exit-at-expiry", campaign_id=campaign_id, expires_at=expires_at)


def submitted(tx: Transaction, campaign_id: int) -> pa.Table:
    """Return every attempt of a campaign that was submitted, in order."""
    return tx.table("submitted-attempts", ATTEMPTS, campaign_id=campaign_id)
