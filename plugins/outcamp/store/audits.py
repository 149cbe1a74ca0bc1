"""What an audit asks the ledger, and what the files of the lake really hold."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BufferedReader
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from outcamp.core.places import Place, source_of
from outcamp.store.datasets import INSTANT
from outcamp.store.lake import FileRef, Lake
from outcamp.store.ledger import Transaction

MOST = 20  # rows that are named one by one
HISTORY = "history"  # the seal of books that were loaded from elsewhere

# The state of an attempt (null: there is none), whether this wave has or had it, and when it was submitted.
FATES = pa.schema([("state", pa.string()), ("own", pa.bool_()), ("submitted_at", INSTANT)])


@dataclass(frozen=True)
class Hits:
    """How many rows a check found, and the first of them in words."""

    count: int
    rows: tuple[str, ...]

    @classmethod
    def of(cls, rows: list[str]) -> Hits:
        """Return what a check found that keeps all its rows."""
        return cls(len(rows), tuple(rows[:MOST]))

    def __add__(self, other: Hits) -> Hits:
        return Hits(self.count + other.count, (self.rows + other.rows)[:MOST])


@dataclass(frozen=True)
class Audited:
    """A campaign to audit."""

    campaign_id: int
    name: str
    seal: str
    expires_at: datetime | None
    stopped_at: datetime | None
    deleted_at: datetime | None


@dataclass(frozen=True)
class AuditedWave:
    """A wave to audit."""

    wave_id: int
    run: str
    of_segment: bool
    scheduled_at: datetime | None
    fanned_out_at: datetime | None


def begin(tx: Transaction) -> None:
    """Look at one instant of the books until the transaction ends, with plans for whole tables."""
    tx.run("read-one-instant")
    tx.run("plan-freely")


def campaigns(tx: Transaction) -> list[Audited]:
    """Return the campaigns that have books of their own."""
    return [Audited(*row) for row in tx.run("audited-campaigns", history=HISTORY)]


def waves(tx: Transaction, campaign_id: int) -> list[AuditedWave]:
    """Return the waves of a campaign in order of time."""
    return [AuditedWave(*row) for row in tx.run("audited-waves", campaign_id=campaign_id)]


def check(tx: Transaction, query: str, **parameters: Any) -> Hits:
    """Return what one of the queries ``audit-...`` finds."""
    rows = tx.run(query, most=MOST, **parameters)
    return Hits(rows[0][0] if rows else 0, tuple(text for _, text in rows))


def over_limits(tx: Transaction, campaign_id: int, limits: list[tuple[int, timedelta, bool]], *, all_campaigns: bool) -> Hits:
    """Return the contacts of a campaign that broke a limit: (count, within, is it one of the whole deployment)."""
    if not limits:
        return Hits(0, ())
    counts, withins, totals = zip(*limits, strict=True)
    columns = {"counts": list(counts), "withins": list(withins), "totals": list(totals)}
    return check(tx, "audit-over-limits", campaign_id=campaign_id, all_campaigns=all_campaigns, **columns)


def fates(tx: Transaction, campaign_id: int, wave_id: int, keys: pa.Table) -> pa.Table:
    """Return what became of attempts (occurrence, recipient_id, attempt): ``FATES``, in their order."""
    named = {name: keys[name] for name in ("occurrence", "recipient_id", "attempt")}
    return tx.table("fates-of-verdicts", FATES, campaign_id=campaign_id, wave_id=wave_id, **named)


def file_fault(lake: Lake, ref: FileRef) -> str | None:
    """Return what is wrong with a file that the ledger names; None when it is as it was written."""
    final = lake.root / ref.path
    path = final
    if not final.exists():
        # Committed, and not renamed yet: whoever needs it finishes that.
        path = next(final.parent.glob(f".{final.stem}.{ref.sha256[:16]}.pending"), final)
    try:
        if _sha256(path) != ref.sha256:
            return f"{ref.path} is not the file that the ledger names (SHA-256 {ref.sha256[:12]})"
        with source_of(path) as source:
            rows: int = pq.read_metadata(source).num_rows
    except (OSError, pa.ArrowInvalid) as error:
        return f"{ref.path} is missing" if isinstance(error, FileNotFoundError) else f"{ref.path} cannot be read: {error}"
    return None if rows == ref.rows else f"{ref.path} has {rows:,} rows, the ledger says {ref.rows:,}"


def read_columns(lake: Lake, path: str, columns: list[str]) -> pa.Table | None:
    """Return columns of a file of the lake; None where it cannot be read, which ``file_fault`` has told."""
    try:
        with source_of(lake.root / path) as source:
            return pq.read_table(source, columns=columns, partitioning=None)
    except (OSError, pa.ArrowInvalid):
        return None


def _sha256(path: Place) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(cast("BufferedReader", file), "sha256").hexdigest()
