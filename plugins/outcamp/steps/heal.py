"""heal: between waves, take outcomes in, free what dead waves hold, and make the wave that is missing."""

from __future__ import annotations

from datetime import datetime

from outcamp.steps.engine import Engine
from outcamp.steps.ingest import ingest
from outcamp.steps.next_wave import next_wave
from outcamp.steps.snapshot import release_dead_waves
from outcamp.steps.stop import halt_of
from outcamp.store.ledger import Ledger
from outcamp.store.outcomes import Followed


def heal(engine: Engine, now: datetime) -> Followed:
    """Take in a campaign's outcomes, and make its next wave; a run that was deleted or failed leaves nobody behind."""
    followed = ingest(engine, now)
    release_dead_waves(engine, now)
    make_next_wave(engine, now)
    return followed


def make_next_wave(engine: Engine, now: datetime) -> datetime | None:
    """Make the next wave and return its instant; a campaign in Error has none until somebody resumes it."""
    return None if halt_of(engine, now) == "error" else next_wave(engine, now)


def unfinished(ledger: Ledger) -> frozenset[str]:
    """Return the names of the campaigns that have anybody in them, or an outcome to come."""
    with ledger.transaction() as tx:
        return frozenset(name for (name,) in tx.run("unfinished-campaigns"))
