"""Counted progress: how far each occurrence has come, as the pages show it, refreshed beside the waves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from outcamp.core.dispositions import ENDS_WELL
from outcamp.store.ledger import Transaction

_ENDS_WELL = sorted(set(ENDS_WELL.values()))


@dataclass(frozen=True)
class Glance:
    """The sums of a campaign, and of its newest occurrence; None where nothing has been counted yet."""

    campaign_id: int
    sent: int
    delivered: int
    as_of: datetime | None
    occurrence: int | None
    scheduled_at: datetime | None
    considered: int | None
    entered: int | None
    inside: int | None
    contacted: int | None
    reached: int | None


@dataclass(frozen=True)
class Progress:
    """What has been counted of one occurrence. ``as_of`` is None, and so is the rest, until it was counted once."""

    occurrence: int
    scheduled_at: datetime
    run: str
    as_of: datetime | None
    considered: int | None
    entered: int | None
    inside: int | None
    contacted: int | None
    reached: int | None
    sent: int | None
    delivered: int | None
    funnel: list[tuple[str, str, int]] | None
    exits: list[tuple[str, int]] | None
    outcomes: list[tuple[int, str, str, int]] | None
    hours: list[tuple[int, str, int]] | None


def to_refresh(tx: Transaction, campaign: str | None, rests: float) -> list[int]:
    """Return the occurrences (of one campaign, or of all) that may have changed and have rested so many times what counting them took."""
    return [occurrence_id for (occurrence_id,) in tx.run("progress-to-refresh", campaign=campaign, rests=rests)]


def refresh(tx: Transaction, occurrence_id: int, now: datetime) -> bool:
    """Count an occurrence; tell whether it was done, which it is not while somebody else is counting it."""
    if not tx.one("try-lock-progress", occurrence_id=occurrence_id)[0]:
        return False
    tx.run("refresh-progress", occurrence_id=occurrence_id, now=now, ends_well=_ENDS_WELL)
    return True


def in_doubt(tx: Transaction) -> int:
    """Return of how many attempts nobody knows whether they went, by what has been counted."""
    attempts: int = tx.one("counted-doubts")[0]
    return attempts


def glances(tx: Transaction) -> dict[int, Glance]:
    """Return the sums of every campaign, by its id."""
    return {row[0]: Glance(*row) for row in tx.run("campaigns-at-a-glance", campaign_id=None)}


def glance(tx: Transaction, campaign_id: int) -> Glance:
    """Return the sums of one campaign."""
    return Glance(*tx.one("campaigns-at-a-glance", campaign_id=campaign_id))


def of_campaign(tx: Transaction, campaign_id: int, most: int) -> list[Progress]:
    """Return what has been counted of a campaign's newest occurrences, the newest first."""
    return [Progress(*row) for row in tx.run("progress-of-campaign", campaign_id=campaign_id, most=most)]
