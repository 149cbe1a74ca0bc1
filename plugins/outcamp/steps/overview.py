"""overview: every campaign in one line, from the recorded facts and the counted progress; a handful of queries for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from outcamp.core.campaign import is_name
from outcamp.core.errors import ManifestError
from outcamp.core.schedule import expires_at
from outcamp.steps.project import Project
from outcamp.steps.published import names, read_published
from outcamp.steps.status import state_of
from outcamp.store import progress, status
from outcamp.store.ledger import Ledger
from outcamp.store.progress import Glance
from outcamp.store.status import Facts

OVER = frozenset({"Draft", "Stopped", "Deleted", "Completed"})


@dataclass(frozen=True)
class Switch:
    """What the scheduler says of a campaign: whether it is paused, when its next wave runs, what it was tagged with."""

    paused: bool = False
    next_at: datetime | None = None
    channel: str = ""
    owner: str = ""


@dataclass(frozen=True)
class CampaignLine:
    """A campaign in the overview. ``glance`` is None until it ran."""

    name: str
    state: str
    reason: str | None
    switch: Switch
    glance: Glance | None

    @property
    def next_at(self) -> datetime | None:
        """When its next wave runs, if one is to come."""
        return None if self.state in OVER else self.switch.next_at


def overview(ledger: Ledger, home: Path, now: datetime, switches: Mapping[str, Switch]) -> list[CampaignLine]:
    """Return all campaigns that are drafted, published, or known to the ledger, by name.

    Args:
        ledger: The books.
        home: The project, for its drafts and manifests.
        now: The instant of the question.
        switches: What the scheduler says, by campaign.
    """
    with ledger.transaction() as tx:
        facts, glances = status.facts(tx, now), progress.glances(tx)
    published = set(names(home))
    drafts = {path.stem for path in Project(home).drafts.glob("*.y*ml")}
    return [
        _line(name, facts.get(name), glances, home, now, switches.get(name, Switch()), published=name in published)
        for name in sorted(published | drafts | facts.keys())
        if is_name(name)
    ]


def _line(
    name: str, facts: Facts | None, glances: Mapping[int, Glance], home: Path, now: datetime, switch: Switch, *, published: bool
) -> CampaignLine:
    expires = facts.expires_at if facts else _expiry(home, name) if published else None
    state = state_of(facts, now, expires, published=published, paused=switch.paused)
    return CampaignLine(name, state, facts.error_reason if facts else None, switch, glances.get(facts.campaign_id) if facts else None)


def _expiry(home: Path, name: str) -> datetime | None:
    """Return the expiry of a campaign that the ledger does not know yet: there are few of these at any time."""
    try:
        return expires_at(read_published(home, name).campaign.schedule)
    except ManifestError:
        return None
