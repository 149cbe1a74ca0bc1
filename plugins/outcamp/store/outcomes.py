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
# Which attempt an outcome from outside means, and when it happened by our clock; aside: the code of the reason why it is not taken.
MATCHED = pa.schema(
    [
        ("campaign_id", pa.int32()),
        ("occurrence_id", pa.int64()),
        ("channel", pa.string()),
        ("disposed_at", INSTANT),
        ("aside", pa.string()),
    ]
)
# Attempts of which nobody knows whether they were submitted.
DOUBTS = pa.schema(
    [
        ("occurrence", pa.int32()),
        ("recipient_id", pa.string()),
        ("attempt", pa.int16()),
        ("channel", pa.string()),
        ("submitted_at", INSTANT),
        ("occurrence_id", pa.int64()),
    ]
)
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
    """Write outcomes (``OUTCOMES``) to their attempts where they are news, and return the attempts that they disposed, each once."""
    disposed: dict[tuple[object, ...], tuple[object, ...]] = {}
    for turn in _turns(outcomes):
        columns = {name: turn[name] for name in OUTCOMES.names}
        rows = tx.run("record-outcomes", campaign_id=campaign_id, **columns)
        if len(rows) < turn.num_rows:  # known before, mostly
            rows += tx.run("record-past-outcomes", campaign_id=campaign_id, **columns)
        disposed |= {row[:3]: row for row in rows}
    return list(disposed.values())


def _turns(outcomes: pa.Table) -> list[pa.Table]:
    """Split outcomes so that no attempt is twice in one table: Postgres would take either one. Oldest first, so that the newest stays."""
    if outcomes.num_rows < 2 or outcomes.group_by(ATTEMPT_KEYS.names).aggregate([]).num_rows == outcomes.num_rows:
        return [outcomes]
    rows = outcomes.select(OUTCOMES.names).to_pandas().drop_duplicates().sort_values("disposed_at", kind="stable")
    turn = rows.groupby(ATTEMPT_KEYS.names, sort=False).cumcount()
    return [pa.Table.from_pandas(part, OUTCOMES, preserve_index=False) for _, part in rows.groupby(turn)]


def match(tx: Transaction, events: pa.Table, now: datetime, leeway: timedelta) -> pa.Table:
    """Return for each outcome from outside which attempt it means (``MATCHED``), or the code of the reason why it is kept aside."""
    names = ("campaign", "occurrence", "recipient_id", "attempt", "channel", "disposed_at")
    columns = tx.one("match-outcomes", now=now, leeway=leeway, **{name: events[name] for name in names})
    return pa.table([pa.array(column or [], field.type) for column, field in zip(columns, MATCHED, strict=True)], schema=MATCHED)


def keep_aside(tx: Transaction, reasons: list[str], events: list[str], now: datetime) -> None:
    """Keep events (JSON) that are not taken in, each once, with the reason in words."""
    tx.run("keep-aside", reason=reasons, event=events, now=now)


def in_doubt(tx: Transaction, campaign_id: int) -> pa.Table:
    """Return the attempts of a campaign whose submission is unknown (``DOUBTS``), in order."""
    return tx.table("attempts-in-doubt", DOUBTS, campaign_id=campaign_id)


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
