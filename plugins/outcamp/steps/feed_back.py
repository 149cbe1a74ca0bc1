"""feed_back: after the sends of a wave, take in what came back, and end the wave."""

from __future__ import annotations

from datetime import datetime

from outcamp.steps.engine import Engine
from outcamp.steps.ingest import ingest
from outcamp.steps.progress import refresh
from outcamp.store import outcomes, waves
from outcamp.store.ledger import Transaction
from outcamp.store.outcomes import Followed


def feed_back(engine: Engine, run: str, now: datetime) -> Followed:
    """Take in what has come back by now, end open entries when the campaign has expired, and mark the wave finished."""

    def end(tx: Transaction) -> None:
        campaign_id = engine.register(tx).campaign_id
        if engine.expires_at is not None and now >= engine.expires_at:
            outcomes.exit_at_expiry(tx, campaign_id, engine.expires_at)
        waves.finish(tx, campaign_id, run, now)

    followed = ingest(engine, now, end)
    refresh(engine.ledger, now, engine.campaign.name)
    return followed
