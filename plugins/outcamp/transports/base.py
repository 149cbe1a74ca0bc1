"""The door through which messages leave: a chunk of rows of one channel in, one answer a row out.

What a transport says about failures decides what becomes of people, so it has five words for them:

- ``throttled``, for a row that was certainly not taken: it waits and goes later, and so does whatever follows it.
- ``later``, for one that was certainly not taken either, and says nothing about the others: it alone waits.
- ``unknown``, for a row that was on its way when the contact broke: it counts, and never goes again.
- ``Permanent`` raised: nothing of the chunk was taken, and nothing will be before somebody acts.
- ``Transient`` raised, or anything else: nobody knows of any row of the chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import pyarrow as pa

INSTANT = pa.timestamp("us", tz="UTC")
BACKOFF: Final = timedelta(minutes=5)  # how long a row waits when the other side did not say how long
PROMPT: Final = timedelta(minutes=2)  # so long after everything was looked at nothing leaves any more: it is looked at again

# What a chunk's rows have beside the columns of a batch; valid_until and content.* only where the capabilities ask for them.
REFERENCE: Final = "reference"  # our name of the attempt; outcomes bring it back
SUBMISSION: Final = "submission"  # the chunk's own name, the same for all rows and never given again: run, batch, try and chunk
VALID_UNTIL: Final = "valid_until"  # from then on the message must not be delivered; null: no such instant
CONTENT: Final = "content."  # the parts of the message, each recipient's own
COLUMN: Final = "column."  # the recipient's columns that the message's template reads

NOT_TAKEN: Final = ("throttled", "later")  # the answers after which a row waits again

# One answer a row, in the order of the rows.
# accepted: message_id, and disposition with disposed_at where the outcome is known at once.
# refused: disposition, the code of the channel. throttled, later: until, from when on it may be tried again. unknown: nothing.
ANSWERS = pa.schema(
    [("status", pa.string()), ("message_id", pa.string()), ("disposition", pa.string()), ("disposed_at", INSTANT), ("until", INSTANT)]
)

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
        texts: whether it carries texts: its rows come with the parts of the message, and one that cannot be made does not come.
        validity: whether it keeps to valid_until, and so wants to know it.
        at_once: whether an accepted row has its outcome in the answer; otherwise it comes later, or from outside.
        idempotency: how long a repeated submission of the same reference is the same message; None: never.
    """

    chunk_size: int = 50
    texts: bool = False
    validity: bool = False
    at_once: bool = False
    idempotency: timedelta | None = None


class Transport(Protocol):
    """One way to reach people on one channel."""

    @property
    def capabilities(self) -> Capabilities:
        """Return what this transport can do."""

    def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
        """Submit rows (the columns of a batch, and those above) and return ``ANSWERS``, one a row.

        ``now`` is when they leave, by the ledger's clock: two minutes after they were looked at, at most.
        """

    def outcomes(self, now: datetime) -> pa.Table:
        """Return the ``OUTCOMES`` that have happened by now and were not acknowledged."""

    def acknowledge(self, now: datetime) -> None:
        """Forget the outcomes up to now: the ledger has them."""


class OutcomesFromOutside:
    """The half of a transport that reports nothing by itself: its outcomes are in its answers, or are handed in as files."""

    def outcomes(self, now: datetime) -> pa.Table:  # noqa: ARG002 - there is no later news
        """Return nothing."""
        return OUTCOMES.empty_table()

    def acknowledge(self, now: datetime) -> None:
        """There is nothing to forget."""


def same_answer(count: int, **answer: Any) -> pa.Table:
    """Return one answer for each of so many rows."""
    return pa.table([pa.repeat(pa.scalar(answer.get(field.name), field.type), count) for field in ANSWERS], schema=ANSWERS)


def answers_of(answers: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return answers that were given row by row."""
    return pa.Table.from_pylist(list(answers), schema=ANSWERS)
