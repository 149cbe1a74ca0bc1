"""The door through which messages leave: rows of one channel in, one answer a row out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import pyarrow as pa

INSTANT = pa.timestamp("us", tz="UTC")

# One answer a row, in the order of the rows. status: accepted | refused.
# accepted: message_id, and disposition with disposed_at where the outcome is known at once.
# refused: disposition, the code of the channel.
ANSWERS = pa.schema([("status", pa.string()), ("message_id", pa.string()), ("disposition", pa.string()), ("disposed_at", INSTANT)])

# An outcome names its attempt by the reference that went out with it.
OUTCOMES = pa.schema(
    [
        ("occurrence_id", pa.int64()),
        ("recipient_id", pa.string()),
        ("attempt", pa.int16()),
        ("channel", pa.string()),
        ("disposition", pa.string()),
        ("disposed_at", INSTANT),
    ]
)


@dataclass(frozen=True)
class Capabilities:
    """What a transport declares of itself.

    Attributes:
        chunk_size: rows of one submission; the most that a crash can leave unknown.
        idempotency: how long a repeated submission of the same reference is the same message; None: never.
    """

    chunk_size: int = 50
    idempotency: timedelta | None = None


class Transport(Protocol):
    """One way to reach people on one channel."""

    @property
    def capabilities(self) -> Capabilities:
        """Return what this transport can do."""

    def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
        """Submit rows (the columns of a batch) and return ``ANSWERS``, one a row."""

    def outcomes(self, now: datetime) -> pa.Table:
        """Return the ``OUTCOMES`` that have happened by now and were not acknowledged."""

    def acknowledge(self, now: datetime) -> None:
        """Forget the outcomes up to now: the ledger has them."""
