"""heal: between waves, take outcomes in, free what dead waves hold, and make the wave that is missing."""

from __future__ import annotations

from datetime import datetime

from outcamp.steps.engine import Engine
from outcamp.steps.ingest import ingest
from outcamp.steps.next_wave import next_wave
from outcamp.steps.snapshot import release_dead_waves
from outcamp.store.ledger import Ledger
from outcamp.store.outcomes import Followed


def heal(engine: Engine, now: datetime) -> Followed:
    """Take in a campaign's outcomes, and make its next wave; a run that was deleted or failed leaves nobody behind."""
    followed = ingest(engine, now)
    release_dead_waves(engine, now)
    next_wave(engine, now)
    return followed


def unfinished(ledger: Ledger) -> frozenset[str]:
    """Return the names of the campaigns that have anybody in them, or an outcome to come."""
    with ledger.transaction() as tx:
        return frozenset(name for (name,) in tx.run("unfinished-campaigns"))
