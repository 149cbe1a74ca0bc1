"""next_wave: make the run that handles whatever is due next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from outcamp.core.run_key import run_key
from outcamp.steps.engine import Engine
from outcamp.store import claims

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def on_grid(instant: datetime, interval: timedelta) -> datetime:
    """Return the first multiple of the wave interval (since 1970) that is not before this instant."""
    steps = -((EPOCH - instant) // interval)
    return EPOCH + steps * interval


def grid_after(due: datetime, now: datetime, interval: timedelta) -> datetime:
    """Return the wave instant for something that is due: not before it, and after now."""
    return on_grid(max(due, now + timedelta(microseconds=1)), interval)


def next_wave(engine: Engine, now: datetime) -> datetime | None:
    """Make the next run of the campaign and return its instant; None when nothing is due."""
    with engine.ledger.transaction() as tx:
        due = claims.next_due(tx, engine.register(tx).campaign_id)
    moments = [moment for moment in (due.waiting, due.deadline, due.expiry, now if due.deferred_is_free else None) if moment is not None]
    if not moments:
        return None
    at = grid_after(min(moments), now, engine.wave_interval)
    engine.runs.make(run_key(at, 1), at)
    return at
