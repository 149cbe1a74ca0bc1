"""Who asks for no more messages is on the do-not-contact list before their request is answered; all else waits for a pulse."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.dispositions import ASKED_FOR_NO_MORE
from outcamp.core.places import Place
from outcamp.segments.outcome_files import stream
from outcamp.steps.outcome_files import place
from outcamp.steps.suppress_by_outcome import suppress_by_event
from outcamp.store.ledger import Ledger

_ASKED: Final = pa.array(sorted(ASKED_FOR_NO_MORE))


def heed(ledger: Ledger, path: Place) -> int:
    """Suppress who asks for it in a file of outcomes that was received, and return how many lines of the list are new.

    Batches that are on their way look at the list before each chunk. The pulse takes the whole file in, and then finds these lines there.
    """
    found = 0
    for table in stream(path):
        wishes = table.filter(pc.is_in(table["disposition"], value_set=_ASKED))
        if wishes.num_rows:
            now = ledger.now()
            with ledger.transaction() as tx:
                matched, aside = place(tx, wishes, now)
                found += suppress_by_event(tx, wishes, matched, aside, now)[0]
    return found
