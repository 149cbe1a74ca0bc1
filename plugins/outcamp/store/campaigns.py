"""Campaigns in the ledger: the facts from which a campaign's state is derived."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg

from outcamp.core.errors import ManifestError
from outcamp.store.ledger import Ledger, Transaction


@dataclass(frozen=True)
class CampaignRow:
    """A campaign as the ledger knows it."""

    campaign_id: int
    name: str
    expires_at: datetime | None
    committed: bool  # false in the very transaction that writes it, which may still roll back


@dataclass(frozen=True)
class KnownName:
    """What the ledger knows of a name: the seal that it is bound to for ever, and how it ended."""

    seal: str
    stopped_at: datetime | None
    deleted_at: datetime | None


def register(
    tx: Transaction,
    *,
    name: str,
    seal: str,
    published_at: datetime,
    expires_at: datetime | None,
    final_occurrence_at: datetime | None,
    ignores_total_limits: bool,
) -> CampaignRow:
    """Write a campaign's row at its first wave and return it; a name that belongs to other settings is refused."""
    found = tx.one("find-campaign", name=name)
    committed = bool(found)
    if not found:
        tx.run(
            "register-campaign",
            name=name,
            seal=seal,
            published_at=published_at,
            expires_at=expires_at,
            final_occurrence_at=final_occurrence_at,
            ignores_total_limits=ignores_total_limits,
        )
        found = tx.one("find-campaign", name=name)
    if found[1] != seal:
        raise ManifestError(
            f"campaign {name!r}: the ledger knows this name with other settings (seal {found[1][:12]}, the manifest has {seal[:12]})",
            next_step="restore the manifest that was published, or publish the new settings under a new name",
        )
    return CampaignRow(campaign_id=found[0], name=name, expires_at=found[2], committed=committed)


def halt(tx: Transaction, campaign_id: int, now: datetime) -> tuple[str | None, bool]:
    """Return why a campaign may not send now (deleted, stopped, error, expired; None: it may), and whether anybody is suppressed."""
    reason, any_suppressed = tx.one("halt-of-campaign", campaign_id=campaign_id, now=now)
    return reason, any_suppressed


def live_campaigns(tx: Transaction, now: datetime) -> list[int]:
    """Return the ids of the campaigns that are Active, Paused or in Error."""
    return [campaign_id for (campaign_id,) in tx.run("live-campaigns", now=now)]


def name_in(ledger: Ledger, name: str) -> KnownName | None:
    """Return what the ledger knows of a name; None when no campaign ever ran under it, or the ledger has no tables yet."""
    try:
        with ledger.transaction() as tx:
            found = tx.one("find-campaign", name=name)
    except psycopg.errors.UndefinedTable:
        return None
    return KnownName(seal=found[1], stopped_at=found[3], deleted_at=found[4]) if found else None


def is_deleted(tx: Transaction, name: str) -> bool:
    """Tell whether a campaign was deleted: its manifest is gone, and everybody has left it."""
    found = tx.one("find-campaign", name=name)
    return bool(found) and found[4] is not None


def campaign_id_of(tx: Transaction, name: str) -> int | None:
    """Return the id of a campaign that the ledger knows, or None."""
    found = tx.one("find-campaign", name=name)
    return found[0] if found else None
