"""The waves of a campaign as the pages show them, and the time zones of those whom its last waves sent to."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from outcamp.core.places import Place, source_of
from outcamp.store.ledger import Transaction


@dataclass(frozen=True)
class WaveLine:
    """A wave that considered anybody, in a list. ``occurrence``: the number of the one that it began, if it did."""

    run: str
    due_at: datetime
    occurrence: int | None
    finished_at: datetime | None
    candidates: int
    sends: int


@dataclass(frozen=True)
class WaveFacts:
    """What the ledger knows of one wave; ``begun``: how many of its batches were tried."""

    wave_id: int
    due_at: datetime
    occurrence: int | None
    opened_at: datetime
    fanned_out_at: datetime | None
    finished_at: datetime | None
    batches: int
    begun: int


def newest_waves(tx: Transaction, campaign_id: int, most: int) -> list[WaveLine]:
    """Return a campaign's newest waves that considered anybody, the newest first."""
    return [WaveLine(*row) for row in tx.run("newest-waves-of-campaign", campaign_id=campaign_id, most=most)]


def wave(tx: Transaction, campaign_id: int, run: str) -> WaveFacts | None:
    """Return one wave, or None when that run has opened none."""
    row = tx.one("wave-of-run", campaign_id=campaign_id, run=run)
    return WaveFacts(*row) if row else None


def campaign_funnel(tx: Transaction, campaign_id: int) -> list[tuple[str, str, int]]:
    """Return every verdict of every wave of a campaign: verdict, reason, rows."""
    return tx.run("funnel-of-campaign", campaign_id=campaign_id)


def zones_sent_to(root: Place, campaign: str, runs: list[str]) -> Counter[str]:
    """Return the time zones of those whom these waves sent to, as far as each wave's first batches file says; ``a|b``: both at once."""
    found: Counter[str] = Counter()
    for run in runs:
        with contextlib.suppress(OSError, pa.ArrowInvalid):  # its first part sends to nobody, or the lake is elsewhere
            found.update(_zones_in(root / "batches" / f"campaign={campaign}" / f"run={run}" / "part-00000.parquet"))
    return found


@lru_cache(maxsize=4096)
def _zones_in(path: Place) -> dict[str, int]:
    # A file of the lake never changes once it has its name, so what it says is kept. read_table would load pandas, which takes a second.
    with source_of(path) as source, pq.ParquetFile(source) as file:
        counts = pc.value_counts(file.read(columns=["zones"])["zones"].drop_null())
    return {row["values"]: row["counts"] for row in counts.to_pylist()}
