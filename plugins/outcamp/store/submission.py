"""The point of no return: moving a chunk to submitting, and writing down what the transport answered."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from outcamp.store.datasets import ATTEMPT_KEYS, INSTANT
from outcamp.store.ledger import Transaction

# What may not go now. state: waiting (due_at: when it is due again; null: as before) or closed.
HANDED_BACK = pa.schema([*ATTEMPT_KEYS, ("state", pa.string()), ("reason", pa.string()), ("due_at", INSTANT)])
# The transport's answers; disposition with disposed_at where the outcome is known at once.
RESULTS = pa.schema(
    [*ATTEMPT_KEYS, ("message_id", pa.string()), ("disposition", pa.string()), ("disposed_at", INSTANT), ("unreached", pa.bool_())]
)
Rows = list[tuple[object, ...]]


def still_claimed(tx: Transaction, wave_id: int, rows: pa.Table) -> list[int]:
    """Return the positions of those rows that this wave still holds, in order."""
    return [number - 1 for (number,) in tx.run("still-claimed", wave_id=wave_id, **_columns(rows, ATTEMPT_KEYS))]


def submit(
    tx: Transaction, wave_id: int, batch: int, token: int, rows: pa.Table, now: datetime, deadline_at: datetime
) -> list[tuple[int, str]]:
    """Move rows to submitting, counted from now on, and return (occurrence_id, recipient_id) of those that this try still held."""
    moved: list[tuple[int, str]] = tx.run(
        "submit",
        wave_id=wave_id,
        batch=batch,
        token=token,
        now=now,
        deadline_at=deadline_at,
        endpoint=rows["endpoint"],
        **_columns(rows, ATTEMPT_KEYS),
    )
    return moved


def hand_back(tx: Transaction, wave_id: int, rows: pa.Table, now: datetime) -> int:
    """Let rows (``HANDED_BACK``) that this wave still holds wait again, or end their entries; return how many there were."""
    if not rows.num_rows:
        return 0
    moved: int = tx.one("hand-back", wave_id=wave_id, now=now, **_columns(rows, HANDED_BACK))[0]
    return moved


def doubt(tx: Transaction, wave_id: int, batch: int, token: int, now: datetime) -> Rows:
    """Give what earlier tries of a batch left without an answer the disposition unknown: it counts, and is not submitted again."""
    return tx.run("doubt-submissions-of-batch", wave_id=wave_id, batch=batch, token=token, now=now)


def record_answers(tx: Transaction, wave_id: int, batch: int, token: int, answers: pa.Table) -> Rows:
    """Write the transport's answers (``RESULTS``) to this try's submissions, and return the attempts that they disposed."""
    if not answers.num_rows:
        return []
    rows = tx.run("record-answers", wave_id=wave_id, batch=batch, token=token, **_columns(answers, RESULTS))
    return [row for row in rows if row[3] is not None]


def hold_campaign(tx: Transaction, campaign_id: int) -> None:
    """Let nobody stop a campaign until this transaction has ended."""
    tx.run("hold-campaign", campaign_id=campaign_id)


def take_back(tx: Transaction, wave_id: int, batch: int, token: int, rows: pa.Table, now: datetime) -> int:
    """Let this try's submissions (``HANDED_BACK``) wait again, uncounted, or end their entries; return how many it still held."""
    taken: int = tx.one("take-back", wave_id=wave_id, batch=batch, token=token, now=now, **_columns(rows, HANDED_BACK))[0]
    return taken


def _columns(table: pa.Table, schema: pa.Schema) -> dict[str, pa.ChunkedArray]:
    return {name: table[name] for name in schema.names}
