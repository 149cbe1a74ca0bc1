"""next_wave: make the run that handles whatever is due next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from outcamp.core.run_key import run_key
from outcamp.steps.engine import Engine
from outcamp.store import claims, planned_runs
from outcamp.store.claims import Due

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def on_grid(instant: datetime, interval: timedelta) -> datetime:
    """Return the first multiple of the wave interval (since 1970) that is not before this instant."""
    steps = -((EPOCH - instant) // interval)
    return EPOCH + steps * interval


def grid_after(due: datetime, now: datetime, interval: timedelta) -> datetime:
    """Return the wave instant for something that is due: not before it, and after now."""
    return on_grid(max(due, now + timedelta(microseconds=1)), interval)


def moments(due: Due, now: datetime) -> list[datetime]:
    """Return the moments at which a campaign has anything to do, in no order."""
    found = (due.waiting, due.deadline, due.expiry, now if due.deferred_is_free else None)
    return [moment for moment in found if moment is not None]


def next_wave(engine: Engine, now: datetime) -> datetime | None:
    """Return the instant at which anything is due next, after making the run for it; None when nothing is due.

    At most two runs are queued ahead: one at the next instant, and one further on. Where another one is needed between the two, the
    pulse makes it as soon as its instant is the next one; a queued run cannot be taken back or moved by a task.
    """
    # Airflow is asked under the lock, or two waves at once would queue a run each. A crash between its answer and the commit leaves a run
    # that nobody knows of: it is begun and finds what is due, as any other.
    with engine.ledger.transaction() as tx:
        campaign_id = engine.register(tx).campaign_id
        planned_runs.lock(tx, campaign_id)
        due = min(moments(claims.next_due(tx, campaign_id), now), default=None)
        if due is None:
            return None
        at, nearest = (grid_after(moment, now, engine.wave_interval) for moment in (due, now))
        further = [run for run, instant in planned_runs.still_to_come(tx, engine.campaign.name).items() if instant > nearest]
        if at == nearest or not further or not engine.runs.live(further):
            engine.runs.make(run_key(at, 1), at)
    return at
