"""stop, delete and resume: what people decide about a campaign, as facts in the ledger."""

from __future__ import annotations

from datetime import datetime

from outcamp.core.errors import UsageError
from outcamp.core.manifest import Manifest
from outcamp.steps.engine import Engine, register
from outcamp.store import campaigns, stops, tallies
from outcamp.store.ledger import Ledger

ENDED = frozenset({"stopped", "deleted"})


def stop(ledger: Ledger, manifest: Manifest, now: datetime, *, delete: bool = False) -> int:
    """End a campaign for good, and return how many people were in it; a campaign that never ran is known from then on all the same."""
    with ledger.transaction() as tx:
        return stops.stop(tx, register(tx, manifest).campaign_id, now, delete=delete)


def resume(ledger: Ledger, manifest: Manifest) -> str:
    """Lift a campaign's error, and return what it was; its breakers count anew."""
    with ledger.transaction() as tx:
        campaign_id = register(tx, manifest).campaign_id
        tallies.forget(tx, campaign_id)  # first, as whoever trips a breaker takes these locks
        reason = stops.lift_error(tx, campaign_id)
        if reason is None:
            name = manifest.campaign.name
            raise UsageError(f"The campaign {name!r} is not in Error.", next_step=f"outcamp status {name} shows its state.")
    return reason


def record_error(engine: Engine, reason: str, now: datetime) -> None:
    """Put a campaign into Error: nothing is sent until somebody resumes it. Whoever calls this tells of it."""
    with engine.ledger.transaction() as tx:
        stops.record_error(tx, engine.register(tx).campaign_id, now, reason, told=True)


def untold_errors(ledger: Ledger) -> list[tuple[str, str]]:
    """Return the names and reasons of the campaigns in Error of which nobody has been told."""
    with ledger.transaction() as tx:
        return stops.untold_errors(tx)


def tell_error(ledger: Ledger, name: str, now: datetime) -> None:
    """Record that a campaign's Error has been told: after that it is told no more."""
    with ledger.transaction() as tx:
        stops.tell_error(tx, name, now)


def halt_of(engine: Engine, now: datetime) -> str | None:
    """Return why a campaign may not send now: stopped, deleted, error or expired; None when it may."""
    with engine.ledger.transaction() as tx:
        return campaigns.halt(tx, engine.register(tx).campaign_id, now)[0]
