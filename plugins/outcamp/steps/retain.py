"""retain: move attempts that are over and old out of the way of whatever sends. Nothing is forgotten, and no limit changes its mind.

Each chunk is one statement, so that an attempt is in one table at any instant; whoever is killed has moved whole chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from outcamp.core.limits import Limit
from outcamp.core.manifest import Manifest
from outcamp.steps.status import state_of
from outcamp.store import retention, status
from outcamp.store.ledger import Ledger

CHUNK_ROWS: Final = 2_000  # of one transaction, which takes some hundredths of a second
CHUNKS: Final = 50  # of one call: a backlog is worked off by and by
REST: Final = timedelta(days=1)  # until what had to stay is looked at again: a doubt, or a row that somebody held


def horizon(
    ledger: Ledger,
    keep: timedelta,
    published: Iterable[str],
    manifests: Callable[[str], Manifest | None],
    total_limits: tuple[Limit, ...],
    now: datetime,
) -> datetime:
    """Return the instant before which attempts may be moved: as long ago as they are kept, and as any limit looks back.

    A campaign that has ended keeps nothing here. Should a limit look back further one day, it is counted over both tables, which is slower.

    Args:
        ledger: The books, which know what has ended.
        keep: How long attempts are kept where they are.
        published: The names of the published campaigns.
        manifests: Their manifests; one that is None sends nothing.
        total_limits: The deployment's own limits.
        now: The instant of the question.
    """
    with ledger.transaction() as tx:
        facts = status.facts(tx, now)
    limits = [*total_limits]
    for name in published:
        known = facts.get(name)
        state = state_of(known, now, known.expires_at if known else None, published=True, paused=False)
        manifest = manifests(name) if state in {"Active", "Error"} else None
        limits += manifest.campaign.limits if manifest else ()
    return now - max([keep, *(limit.within for limit in limits)])


def retain(ledger: Ledger, before: datetime, now: datetime, chunks: int = CHUNKS, rows: int = CHUNK_ROWS) -> int:
    """Move attempts that were over before an instant, and return how many; what is left over is for the next call.

    Only those go that nothing waits for: of an occurrence that is over, closed, out of their entry, and in no doubt.

    Args:
        ledger: The books.
        before: The ``horizon``.
        now: The instant of the call.
        chunks: The most transactions.
        rows: The most attempts of each.
    """
    with ledger.transaction() as tx:
        retention.note_what_is_over(tx)
        occurrences = retention.to_move(tx, before, now, chunks)
    moved = 0
    for occurrence_id in occurrences:
        last, full = retention.FIRST, True
        while full and chunks:
            with ledger.transaction() as tx:
                count, last = retention.move(tx, occurrence_id, before, last, rows, now + REST)
            moved, chunks, full = moved + count, chunks - 1, count == rows
    return moved
