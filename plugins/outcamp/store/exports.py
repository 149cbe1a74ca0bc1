"""What the lake shows of the ledger: results of a wave's sends, dispositions, and the current state of entries."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from outcamp.store.columns import table_of
from outcamp.store.datasets import ATTEMPT_KEYS, DISPOSITIONS, ENTRIES, RESULTS
from outcamp.store.ledger import Transaction


@dataclass(frozen=True)
class SnapshotPart:
    """One part of an occurrence's snapshot."""

    occurrence_id: int
    number: int
    run: str
    part: int


def results(tx: Transaction, wave_id: int, batch: pa.Table) -> pa.Table:
    """Return what became of the rows of a batches file (``RESULTS``)."""
    rows = tx.run("results-of-attempts", wave_id=wave_id, **{name: batch[name] for name in ATTEMPT_KEYS.names})
    known = table_of(rows, pa.schema(list(RESULTS)[4:]))
    return pa.table([*(batch[name] for name in RESULTS.names[:4]), *known.columns], schema=RESULTS)


def snapshot_parts(tx: Transaction, campaign_id: int) -> list[SnapshotPart]:
    """Return all parts of all snapshots of a campaign."""
    return [SnapshotPart(*row) for row in tx.run("snapshot-parts-of-campaign", campaign_id=campaign_id)]


def parts_with_open_entries(tx: Transaction, campaign_id: int) -> set[tuple[int, int]]:
    """Return (occurrence_id, part) of the parts with entries that are open."""
    return set(tx.run("parts-with-open-entries", campaign_id=campaign_id))


def entries(tx: Transaction, part: SnapshotPart) -> pa.Table:
    """Return the current state of a part's entries (``ENTRIES``)."""
    return _numbered(tx.run("entries-of-part", occurrence_id=part.occurrence_id, part=part.part), part, ENTRIES)


def dispositions(tx: Transaction, part: SnapshotPart) -> pa.Table:
    """Return the dispositions of a part's attempts (``DISPOSITIONS``)."""
    return _numbered(tx.run("dispositions-of-part", occurrence_id=part.occurrence_id, part=part.part), part, DISPOSITIONS)


def _numbered(rows: list[tuple[object, ...]], part: SnapshotPart, schema: pa.Schema) -> pa.Table:
    known = table_of(rows, pa.schema(list(schema)[1:]))
    number = pa.repeat(pa.scalar(part.number, pa.int32()), known.num_rows)
    return pa.table([number, *known.columns], schema=schema)
