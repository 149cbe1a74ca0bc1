"""Moving attempts that are over and old to a table of their own, out of the way of whatever sends."""

from __future__ import annotations

from datetime import datetime

from outcamp.store.ledger import Transaction

Key = tuple[str, int]  # an attempt within its occurrence: recipient and number
FIRST: Key = ("", 0)  # before every one


def note_what_is_over(tx: Transaction) -> None:
    """Note the occurrences in which nobody is any more, as the pages' numbers say, each once."""
    tx.run("note-what-is-over")


def to_move(tx: Transaction, before: datetime, now: datetime, most: int) -> list[int]:
    """Return occurrences that were over before an instant and may hold attempts still, the first to be looked at first."""
    return [occurrence_id for (occurrence_id,) in tx.run("occurrences-to-move", before=before, now=now, most=most)]


def move(tx: Transaction, occurrence_id: int, before: datetime, after: Key, rows: int, again_at: datetime) -> tuple[int, Key]:
    """Move the next attempts of an occurrence that were over before an instant; return how many, and the last one.

    Args:
        tx: The transaction, which should do nothing else.
        occurrence_id: Whose attempts.
        before: Nothing may have happened to them from this instant on.
        after: The last one that was moved in this look.
        rows: How many, at most.
        again_at: When what is left, if anything, is to be looked at again.
    """
    found = tx.one(
        "move-attempts",
        occurrence_id=occurrence_id,
        before=before,
        after_recipient=after[0],
        after_attempt=after[1],
        rows=rows,
        again_at=again_at,
    )
    return (found[0], found[1:]) if found else (0, after)


def newest(tx: Transaction) -> datetime | None:
    """Return the instant before which everything was over that has been moved by now; None: nothing has been."""
    before: datetime | None = tx.one("newest-move")[0]
    return before
