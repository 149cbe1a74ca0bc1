"""heal: between waves, take outcomes in, free what dead waves hold, and make the wave that is missing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from outcamp.core.run_key import run_key
from outcamp.core.schedule import latest_occurrence
from outcamp.steps.engine import Engine
from outcamp.steps.ingest import ingest
from outcamp.steps.next_wave import next_wave
from outcamp.steps.snapshot import release_dead_waves
from outcamp.steps.stop import halt_of
from outcamp.store import campaigns, occurrences, reviews
from outcamp.store.ledger import Ledger
from outcamp.store.outcomes import Followed


def heal(engine: Engine, now: datetime) -> Followed:
    """Take in a campaign's outcomes, and make its next wave; a run that was deleted or failed leaves nobody behind."""
    followed = ingest(engine, now)
    release_dead_waves(engine, now)
    halt = halt_of(engine, now)
    if halt is None or (halt == "expired" and engine.campaign.is_external):  # whoever was pushed gets a verdict all the same
        take_up_occurrence(engine, now)
    make_next_wave(engine, now)
    return followed


def take_up_occurrence(engine: Engine, now: datetime) -> None:
    """Run the newest occurrence once more if its wave ended before everybody was decided and its review answered.

    Older ones, which it replaces, are closed. Of an external campaign each push is run that is not decided, for the first time too.
    """
    with engine.ledger.transaction() as tx:
        campaign_id = engine.register(tx).campaign_id
        left = {row.run: row for row in occurrences.undecided(tx, campaign_id)}
        newest = occurrences.newest(tx, campaign_id)
    instants = {run: row.scheduled_at for run, row in left.items()}
    external = engine.campaign.is_external  # no push replaces another one
    last = None if external else latest_occurrence(engine.campaign.schedule, engine.manifest.published_at, now)
    if last is not None and (newest is None or newest < last):
        newest = instants[run_key(last)] = last  # its wave has not begun, or could not even open it: the ledger was away
    for run in sorted(instants.keys() - engine.runs.live(sorted(instants))) if instants else []:
        if external or instants[run] == newest:
            engine.runs.again(run, instants[run])
        else:
            with engine.ledger.transaction() as tx:
                occurrences.close(tx, left[run].occurrence_id, now)
                reviews.reject(tx, campaign_id, left[run].occurrence_id, now)


def make_next_wave(engine: Engine, now: datetime) -> datetime | None:
    """Make the next wave and return its instant; a campaign in Error has none until somebody resumes it."""
    return None if halt_of(engine, now) == "error" else next_wave(engine, now)


def unfinished(ledger: Ledger, published: Iterable[str]) -> frozenset[str]:
    """Return those of the published campaigns that have anybody in them, an outcome or an occurrence to come, or never had a wave."""
    now = ledger.now()
    with ledger.transaction() as tx:
        busy = frozenset(name for (name,) in tx.run("unfinished-campaigns")) | occurrences.expecting(tx, now)
        return frozenset(name for name in published if name in busy or campaigns.campaign_id_of(tx, name) is None)
