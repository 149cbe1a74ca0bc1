"""snapshot: who is to be considered by this wave.

An occurrence reads the segment and writes it to the lake, in parts; any other wave claims what is due in the ledger.
Either way the wave's parts stand in the ledger at the end, and a repeated call only returns them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from outcamp.frames.hashing import buckets
from outcamp.steps.breakers import watch
from outcamp.steps.engine import Engine, Segment
from outcamp.steps.ingest import ingest
from outcamp.store import campaigns, claims, reviews, waves
from outcamp.store.claims import Due
from outcamp.store.lake import FileRef, Lake
from outcamp.store.ledger import Transaction
from outcamp.store.spill import BucketSpill, bucket_ranges
from outcamp.store.waves import PartRow, WaveRow

RECIPIENT, BUCKET, ROW_NO = "recipient_id", "_outcamp_bucket", "_outcamp_row"


def prepare_wave(engine: Engine, run: str, now: datetime) -> Due:
    """Before a wave considers anybody: take in outcomes and deadlines up to now, free what dead waves hold, and return what is due."""
    held: dict[int, str] = {}
    due: list[Due] = []

    def look(tx: Transaction) -> None:
        campaign_id = engine.register(tx).campaign_id
        held.update(claims.holders(tx, campaign_id))
        due.append(claims.next_due(tx, campaign_id))

    ingest(engine, now, look)
    return _release(engine, held, run, now) or due[0]


def snapshot_occurrence(
    engine: Engine, segment: Segment, run: str, scheduled_at: datetime, now: datetime, due_at: datetime | None = None
) -> list[PartRow]:
    """Write the segment of an occurrence to the lake and return its parts; none when the occurrence is closed or overtaken.

    ``due_at`` is the wave's own instant, where it is not the scheduled one: an occurrence that was missed runs later.
    """
    with engine.ledger.transaction() as tx:
        campaign = engine.register(tx)
        if engine.expired(now) or engine.overtaken(scheduled_at, now):
            return []
        review = reviews.PENDING if engine.campaign.review else None
        occurrence = waves.open_occurrence(tx, campaign.campaign_id, scheduled_at, run, now, review)
        if occurrence is None:
            return []
        if review:  # whom an older one asks about are in this one's segment
            reviews.reject_decided(tx, campaign.campaign_id, now, before=scheduled_at)
        wave = waves.open_wave(tx, campaign.campaign_id, run, due_at or scheduled_at, occurrence.occurrence_id, now)
        found = waves.parts(tx, wave.wave_id, "snapshot")
    if not found:
        found = _write_parts(engine, segment, wave, occurrence.number, now)
    engine.lake.settle((), files_of(found))
    return found


def snapshot_due(engine: Engine, run: str, due_at: datetime, now: datetime) -> list[PartRow]:
    """Claim for a wave what is due by now, and return its parts; at the expiry everything that waits is due.

    In Error nothing is claimed. What this wave has claimed before is decided all the same: the error may be lifted at any moment.
    """
    with engine.ledger.transaction() as tx:
        campaign = engine.register(tx)
        if campaigns.halt(tx, campaign.campaign_id, now)[0] == "error":
            standing = waves.find_wave(tx, campaign.campaign_id, run)
            return [] if standing is None else waves.parts(tx, standing.wave_id, "snapshot")
        wave = waves.open_wave(tx, campaign.campaign_id, run, due_at, None, now)
        found = waves.parts(tx, wave.wave_id, "snapshot")
        if found or wave.fanned_out_at is not None:
            return found
        if engine.campaign.review and engine.expired(now):
            reviews.reject_all(tx, campaign.campaign_id, now, "expired")  # also one whose wave died before it was decided to the end
        rows = claims.claim_due(tx, campaign.campaign_id, wave.wave_id, now, everything=engine.expired(now))
        for part, bounds in enumerate(bucket_ranges(rows, engine.part_rows) if rows else ()):
            waves.add_part(tx, wave.wave_id, "snapshot", PartRow(part, *bounds), now)
        return waves.parts(tx, wave.wave_id, "snapshot")


def release_dead_waves(engine: Engine, now: datetime) -> None:
    """Free what is held by waves that are no longer queued or running."""
    with engine.ledger.transaction() as tx:
        held = claims.holders(tx, engine.register(tx).campaign_id)
    _release(engine, held, "", now)


def _release(engine: Engine, held: dict[int, str], own: str, now: datetime) -> Due | None:
    """Free what dead ones among the waves hold (id to run key), and return what is due then; None when all are alive.

    The wave that asks (``own``) is alive.
    """
    others = {wave_id: run for wave_id, run in held.items() if run != own}
    alive = engine.runs.live(sorted(others.values())) if others else set()
    dead = sorted(wave_id for wave_id, run in others.items() if run not in alive)
    if not dead:
        return None
    with engine.ledger.transaction() as tx:
        campaign_id = engine.register(tx).campaign_id
        doubts = claims.give_back(tx, campaign_id, dead, now)
        engine.follow(tx, doubts)
        due = claims.next_due(tx, campaign_id)
    watch(engine.ledger, engine.campaign, campaign_id, doubts, now)
    return due


def snapshot_pushed(engine: Engine, run: str) -> list[PartRow]:
    """Return the parts of a push, which wrote its snapshot itself; none when there is no such push, or it is closed."""
    with engine.ledger.transaction() as tx:
        wave = waves.find_wave(tx, engine.register(tx).campaign_id, run)
        if wave is None or wave.occurrence_closed_at is not None:
            return []
        found = waves.parts(tx, wave.wave_id, "snapshot")
    engine.lake.settle((), files_of(found))
    return found


def prepare_parts(lake: Lake, campaign: str, run: str, tables: Iterable[pa.Table], excluded: pa.Array, part_rows: int) -> list[PartRow]:
    """Write recipients to the lake, sorted into parts, whose files have their readable names only when the ledger names them."""
    written: list[PartRow] = []
    for part, (first, last, rows) in enumerate(sorted_parts(tables, excluded, part_rows)):
        ref = lake.prepare("snapshots", campaign, run, part, [rows])
        written.append(PartRow(part, first, last, rows.num_rows, (ref,)))
    return written


def sorted_parts(tables: Iterable[pa.Table], excluded: pa.Array, part_rows: int) -> Iterator[tuple[int, int, pa.Table]]:
    """Yield recipients in parts, each with its first and last bucket, without those who are excluded."""
    with BucketSpill(part_rows, BUCKET, RECIPIENT) as spill:
        row_no = 0
        for table in tables:
            row_numbers = pa.array(np.arange(row_no, row_no + table.num_rows))
            spill.add(table.append_column(BUCKET, pa.array(buckets(table[RECIPIENT]))).append_column(ROW_NO, row_numbers))
            row_no += table.num_rows
        for first, last, rows in spill.parts():
            yield first, last, rows.filter(pc.invert(pc.is_in(rows[RECIPIENT], value_set=excluded))) if len(excluded) else rows


def add_parts(tx: Transaction, wave_id: int, written: list[PartRow], now: datetime) -> list[PartRow]:
    """Write the rows of all parts, and return those that stand: a part of a snapshot that was cut short must not look like the whole."""
    for row in written:
        waves.add_part(tx, wave_id, "snapshot", row, now)
    return waves.parts(tx, wave_id, "snapshot")


def files_of(parts: list[PartRow]) -> list[FileRef]:
    """Return the files of these parts."""
    return [ref for part in parts for ref in part.files]


def _write_parts(engine: Engine, segment: Segment, wave: WaveRow, number: int, now: datetime) -> list[PartRow]:
    tables = segment.read(number)
    written = prepare_parts(engine.lake, engine.campaign.name, wave.run, tables, segment.excluded(), engine.part_rows)
    with engine.ledger.transaction() as tx:
        found = add_parts(tx, wave.wave_id, written, now)
    engine.lake.settle(files_of(written), files_of(found))
    return found
