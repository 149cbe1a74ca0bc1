"""status: the state of each campaign, derived from facts, and how far it has come."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from outcamp.core.manifest import Manifest
from outcamp.core.schedule import expires_at, latest_occurrence, next_occurrence
from outcamp.steps.next_wave import grid_after, moments
from outcamp.store import claims, status
from outcamp.store.ledger import Ledger
from outcamp.store.status import Counts, Facts


@dataclass(frozen=True)
class CampaignStatus:
    """How a campaign stands. ``next_at``: the next moment at which it has anything to do."""

    name: str
    state: str
    reason: str | None
    next_at: datetime | None
    counts: Counts | None

    @property
    def balanced(self) -> bool:
        """Tell whether every candidate has one verdict and every submission is accounted for."""
        if self.counts is None:
            return True
        verdicts = sum(rows for _, _, rows in self.counts.funnel)
        return verdicts == self.counts.candidates and self.counts.submitted == sum(n for _, _, n in self.counts.dispositions)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for ``--json``."""
        return {**asdict(self), "balanced": self.balanced}


def state_of(facts: Facts | None, now: datetime, expires: datetime | None, *, published: bool, paused: bool) -> str:
    """Return the state that the facts say; what is final comes first."""
    if facts is not None and facts.deleted_at is not None:
        return "Deleted"
    if not published:
        return "Draft" if facts is None else "Deleted"
    if facts is not None and facts.stopped_at is not None:
        return "Stopped"
    if (facts is not None and not facts.live) or (expires is not None and expires <= now):
        return "Completed"
    if facts is not None and facts.error_at is not None:
        return "Error"
    return "Paused" if paused else "Active"


def campaign_status(
    ledger: Ledger, name: str, manifest: Manifest | None, now: datetime, wave_interval: timedelta, paused: Collection[str] = ()
) -> CampaignStatus:
    """Return how a campaign stands.

    Args:
        ledger: The books.
        name: The campaign.
        manifest: Its manifest, if it is published.
        now: The instant of the question.
        wave_interval: Waves run at multiples of this.
        paused: The campaigns whose DAG is paused.
    """
    with ledger.transaction() as tx:
        facts = status.facts_of(tx, name, now)
        due = claims.next_due(tx, facts.campaign_id) if facts else None
        counts = status.counts(tx, facts.campaign_id) if facts else None
    expires = expires_at(manifest.campaign.schedule) if manifest else None
    state = state_of(facts, now, expires, published=manifest is not None, paused=name in paused)
    coming = [] if due is None else [grid_after(moment, now, wave_interval) for moment in moments(due, now)]
    if manifest is not None and not manifest.campaign.is_external:
        coming += _occurrence_to_come(manifest, facts, now)
    over = state in {"Draft", "Stopped", "Deleted", "Completed"}
    return CampaignStatus(name, state, facts.error_reason if facts else None, None if over else min(coming, default=None), counts)


def _occurrence_to_come(manifest: Manifest, facts: Facts | None, now: datetime) -> list[datetime]:
    schedule, published_at = manifest.campaign.schedule, manifest.published_at
    # Airflow has not started the first one yet, as long as the ledger does not know the campaign.
    latest = latest_occurrence(schedule, published_at, now) if facts is None else None
    upcoming = latest or next_occurrence(schedule, published_at, now)
    return [] if upcoming is None else [upcoming]
