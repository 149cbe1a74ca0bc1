"""How a campaign's attempts ended, counted for its breakers."""

from __future__ import annotations

from outcamp.core.breakers import COMPLAINTS, FAILURES, Tally
from outcamp.store.columns import table_of
from outcamp.store.ledger import Transaction
from outcamp.store.outcomes import DISPOSED, Rows

_FAILING = sorted(f"{channel} {code}" for channel, codes in FAILURES.items() for code in codes)


def count(tx: Transaction, campaign_id: int, disposed: Rows) -> list[Tally]:
    """Count attempts that have just got their disposition, and return the tallies of their channels."""
    columns = table_of(disposed, DISPOSED)
    keys = {name: columns[name] for name in ("occurrence_id", "recipient_id", "attempt", "disposition")}
    rows = tx.run("count-outcomes", campaign_id=campaign_id, failing=_FAILING, complaining=sorted(COMPLAINTS), **keys)
    return [Tally(*row) for row in rows]


def forget(tx: Transaction, campaign_id: int) -> None:
    """Begin to count anew."""
    tx.run("forget-tallies", campaign_id=campaign_id)
