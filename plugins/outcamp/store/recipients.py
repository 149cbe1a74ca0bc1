"""What the ledger and the lake know of one recipient in one campaign."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from outcamp.core.errors import DataError
from outcamp.core.places import source_of
from outcamp.store.lake import FileRef, Lake
from outcamp.store.ledger import Transaction


@dataclass(frozen=True)
class PartOfWave:
    """A part of a wave whose buckets include the recipient's. ``occurrence_id`` and ``number``: None for a wave of due attempts."""

    wave_id: int
    run: str
    due_at: datetime
    occurrence_id: int | None
    number: int | None
    step: str
    part: int
    files: tuple[FileRef, ...]
    decided_at: datetime

    def file(self, dataset: str) -> FileRef | None:
        """Return the part's file of a dataset, if it has one."""
        return next((ref for ref in self.files if ref.dataset == dataset), None)


@dataclass(frozen=True)
class Entry:
    """One pass of the recipient through the campaign."""

    number: int
    entered_at: datetime
    exited_at: datetime | None
    exit_reason: str | None


@dataclass(frozen=True)
class Attempt:
    """One communication of an entry. ``run``: the wave that has it, or had it at its submission."""

    number: int
    attempt: int
    state: str
    channel: str
    rule: int | None
    wave_id: int | None
    run: str | None
    waits_for: str | None
    due_at: datetime
    submitted_at: datetime | None
    deadline_at: datetime | None
    disposed_at: datetime | None
    disposition: str | None
    counted_at: datetime | None


@dataclass(frozen=True)
class Contact:
    """A communication that counts towards limits. ``outside_total``: its campaign ignores the deployment's total limits."""

    counted_at: datetime
    campaign: str
    channel: str
    outside_total: bool


@dataclass(frozen=True)
class Suppression:
    """A line of the do-not-contact list. ``channel``: empty means all of them."""

    kind: str
    channel: str
    reason: str
    since: datetime


def parts_that_hold(tx: Transaction, campaign_id: int, bucket: int) -> list[PartOfWave]:
    """Return the parts of all waves of a campaign that hold a hash bucket, in order of time."""
    return [
        PartOfWave(wave_id, run, due_at, occurrence_id, number, step, part, tuple(FileRef(**ref) for ref in files), decided_at)
        for wave_id, run, due_at, occurrence_id, number, step, part, files, decided_at in tx.run(
            "parts-that-hold-bucket", campaign_id=campaign_id, bucket=bucket
        )
    ]


def entries(tx: Transaction, campaign_id: int, recipient_id: str) -> list[Entry]:
    """Return the recipient's entries, in order."""
    return [Entry(*row) for row in tx.run("entries-of-recipient", campaign_id=campaign_id, recipient_id=recipient_id)]


def attempts(tx: Transaction, campaign_id: int, recipient_id: str) -> list[Attempt]:
    """Return the recipient's attempts, in order."""
    return [Attempt(*row) for row in tx.run("attempts-of-recipient", campaign_id=campaign_id, recipient_id=recipient_id)]


def deferred(tx: Transaction, campaign_id: int, recipient_id: str) -> int | None:
    """Return the number of the occurrence whose row waits for the recipient's exit, or None."""
    row = tx.one("deferred-row-of-recipient", campaign_id=campaign_id, recipient_id=recipient_id)
    return row[0] if row else None


def contacts(tx: Transaction, bucket: int, recipient_id: str, after: datetime, until: datetime) -> list[Contact]:
    """Return what counts towards the recipient's limits in ``(after, until]`` by today's books, newest first."""
    found = tx.run("contacts-of-recipient", bucket=bucket, recipient_id=recipient_id, after=after, until=until)
    return [Contact(*row) for row in found]


def suppressions(tx: Transaction, recipient_id: str, endpoints: list[str]) -> list[Suppression]:
    """Return the lines of the do-not-contact list that name the recipient or one of these endpoints."""
    kinds, keys = ["recipient", *("endpoint" for _ in endpoints)], [recipient_id, *endpoints]
    return [Suppression(*row) for row in tx.run("suppressions-of-recipient", kinds=kinds, keys=keys)]


def rows_of(lake: Lake, ref: FileRef, recipient_id: str) -> pa.Table:
    """Return the rows of one recipient in a file of the lake."""
    return _filtered(lake, ref.path, recipient_id)


def results_of(lake: Lake, campaign: str, part: PartOfWave, recipient_id: str) -> list[dict[str, Any]]:
    """Return what became of a wave's send verdicts for one recipient, as it was when the wave ended; nothing before that."""
    path = f"results/campaign={campaign}/run={part.run}/part-{part.part:05d}.parquet"
    rows: list[dict[str, Any]] = _filtered(lake, path, recipient_id).to_pylist() if (lake.root / path).exists() else []
    return rows


def _filtered(lake: Lake, path: str, recipient_id: str) -> pa.Table:
    try:
        with source_of(lake.root / path) as source:
            # partitioning=None: the folders' names are known already, and must not come along as columns.
            return pq.read_table(source, filters=[("recipient_id", "=", recipient_id)], partitioning=None)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path} cannot be read: {error}", next_step="outcamp audit names every file that is missing or damaged") from error
