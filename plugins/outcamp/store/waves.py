"""Occurrences, waves, parts and batches: what has been decided so far, so that a repeated step finds it done."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime

from outcamp.core.errors import BrokenPromise
from outcamp.store.lake import FileRef
from outcamp.store.ledger import Transaction


@dataclass(frozen=True)
class WaveRow:
    """One DAG run of a campaign. ``occurrence_id`` and ``number`` are None for a wave of due attempts."""

    wave_id: int
    campaign_id: int
    run: str
    due_at: datetime
    occurrence_id: int | None
    number: int | None
    fanned_out_at: datetime | None
    finished_at: datetime | None
    occurrence_closed_at: datetime | None
    scheduled_at: datetime | None


@dataclass(frozen=True)
class OccurrenceRow:
    """One scheduled start of a campaign."""

    occurrence_id: int
    number: int
    run: str


@dataclass(frozen=True)
class PartRow:
    """A part of a wave, of the snapshot or of the filter's verdicts."""

    part: int
    first_bucket: int
    last_bucket: int
    rows: int
    files: tuple[FileRef, ...] = ()
    funnel: tuple[tuple[str, str, int], ...] = ()  # (verdict, reason or "", rows)
    anew: bool = field(default=False, compare=False)  # this very call decided it, and did not find it decided


@dataclass(frozen=True)
class BatchRow:
    """A batch of a wave: one row group of a part's batches file."""

    batch: int
    part: int
    row_group: int
    rows: int


def find_wave(tx: Transaction, campaign_id: int, run: str) -> WaveRow | None:
    """Return the wave with this run key, or None."""
    row = tx.one("find-wave", campaign_id=campaign_id, run=run)
    return WaveRow(row[0], campaign_id, run, *row[1:]) if row else None


def existing_wave(tx: Transaction, campaign_id: int, run: str) -> WaveRow:
    """Return the wave with this run key, of which the books say that it is there."""
    wave = find_wave(tx, campaign_id, run)
    if wave is None:
        raise BrokenPromise(f"the ledger has no wave {run}, and other rows name it", next_step="restore the ledger from its backup")
    return wave


def open_wave(tx: Transaction, campaign_id: int, run: str, due_at: datetime, occurrence_id: int | None, now: datetime) -> WaveRow:
    """Write a wave's row, once, and return it."""
    tx.run("open-wave", campaign_id=campaign_id, run=run, due_at=due_at, occurrence_id=occurrence_id, now=now)
    return existing_wave(tx, campaign_id, run)


def open_occurrence(
    tx: Transaction, campaign_id: int, scheduled_at: datetime, run: str, now: datetime, review: str | None = None
) -> OccurrenceRow | None:
    """Open an occurrence, once for ever, and return it; None when it is decided already or a later one has been opened."""
    tx.run("lock-campaign", campaign_id=campaign_id)
    newest = tx.one("newest-occurrence", campaign_id=campaign_id)[0]
    if newest is not None and newest > scheduled_at:
        return None
    tx.run("open-occurrence", campaign_id=campaign_id, scheduled_at=scheduled_at, run=run, now=now, review=review)
    occurrence_id, number, found_run, closed_at = tx.one("find-occurrence", campaign_id=campaign_id, scheduled_at=scheduled_at)
    return None if closed_at is not None or found_run != run else OccurrenceRow(occurrence_id, number, run)


def occurrences(tx: Transaction, campaign_id: int) -> dict[int, OccurrenceRow]:
    """Return a campaign's occurrences by id."""
    return {row[0]: OccurrenceRow(*row) for row in tx.run("occurrences-of-campaign", campaign_id=campaign_id)}


def add_part(tx: Transaction, wave_id: int, step: str, part: PartRow, now: datetime) -> None:
    """Write a part's row; when another try was faster, its row stands."""
    tx.run(
        "add-part",
        wave_id=wave_id,
        step=step,
        part=part.part,
        first_bucket=part.first_bucket,
        last_bucket=part.last_bucket,
        rows=part.rows,
        files=json.dumps([ref.as_dict() for ref in part.files]),
        funnel=json.dumps(part.funnel),
        now=now,
    )


def parts(tx: Transaction, wave_id: int, step: str) -> list[PartRow]:
    """Return the parts of a wave that are decided, in order."""
    return [
        PartRow(part, first, last, rows, tuple(FileRef(**ref) for ref in files), tuple((v, r, n) for v, r, n in funnel))
        for part, first, last, rows, files, funnel in tx.run("parts-of-wave", wave_id=wave_id, step=step)
    ]


def add_batches(tx: Transaction, wave_id: int, batches: list[BatchRow]) -> None:
    """Write a wave's batches, once."""
    tx.run(
        "add-batches",
        wave_id=wave_id,
        batch=[row.batch for row in batches],
        part=[row.part for row in batches],
        row_group=[row.row_group for row in batches],
        rows=[row.rows for row in batches],
    )


def batches(tx: Transaction, wave_id: int) -> list[BatchRow]:
    """Return a wave's batches, in order."""
    return [BatchRow(*row) for row in tx.run("batches-of-wave", wave_id=wave_id)]


@dataclass(frozen=True)
class Try:
    """One try of a batch, with its fencing token and the file that holds the batch."""

    wave_id: int
    token: int
    batch: BatchRow
    file: FileRef


def take_token(tx: Transaction, campaign_id: int, run: str, batch: int) -> Try | None:
    """Begin a new try of a batch, which shuts out all earlier ones; None if there is no such batch."""
    row = tx.one("take-token", campaign_id=campaign_id, run=run, batch=batch)
    if not row:
        return None
    wave_id, token, part, row_group, rows, files = row
    file = next(FileRef(**ref) for ref in files if ref["dataset"] == "batches")
    return Try(wave_id, token, BatchRow(batch, part, row_group, rows), file)


def finish(tx: Transaction, campaign_id: int, run: str, now: datetime) -> None:
    """Mark a wave finished."""
    tx.run("mark-finished", campaign_id=campaign_id, run=run, now=now)


def holds_token(tx: Transaction, wave_id: int, batch: int, token: int) -> bool:
    """Tell whether this try is still the newest one, and keep it so until the transaction ends."""
    row = tx.one("hold-token", wave_id=wave_id, batch=batch)
    return bool(row) and row[0] == token
