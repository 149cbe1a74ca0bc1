"""Pushes in the ledger: each is an occurrence of its external campaign, known by a key that stands at the beginning of its run's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from outcamp.store import waves
from outcamp.store.ledger import Transaction
from outcamp.store.reviews import PENDING
from outcamp.store.waves import WaveRow

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class PushRow:
    """A push that was taken in, and when: its rows were judged at that instant."""

    run: str
    wave_id: int
    judged_at: datetime


def run_of(key: str, content: str) -> str:
    """Return the run key of a push: what it is known by, and what it says."""
    return f"push-{key}-{content}"


def lock(tx: Transaction, campaign_id: int) -> None:
    """Take in one push at a time, until the transaction ends: occurrences are numbered in order of time."""
    tx.run("lock-campaign", campaign_id=campaign_id)


def find(tx: Transaction, campaign_id: int, key: str) -> PushRow | None:
    """Return the push with this key, whatever it says, or None."""
    row = tx.one("find-push", campaign_id=campaign_id, first=f"push-{key}-", last=f"push-{key}.")
    return PushRow(*row) if row else None


def open_push(tx: Transaction, campaign_id: int, run: str, now: datetime, *, asks: bool) -> WaveRow:
    """Open the occurrence and the wave of a push, under the campaign's lock; its instant is now, or right after the newest one's.

    ``asks``: a person has to approve it.
    """
    newest = tx.one("newest-occurrence", campaign_id=campaign_id)[0]
    at = now if newest is None else max(now, newest + _TICK)
    tx.run("open-occurrence", campaign_id=campaign_id, scheduled_at=at, run=run, now=now, review=PENDING if asks else None)
    occurrence_id = tx.one("find-occurrence", campaign_id=campaign_id, scheduled_at=at)[0]
    return waves.open_wave(tx, campaign_id, run, at, occurrence_id, now)
