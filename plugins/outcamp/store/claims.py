"""Who holds which due rows: claiming them for a wave, giving them back, and the next moment at which anything is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from outcamp.store.datasets import CLAIMED
from outcamp.store.ledger import Transaction


@dataclass(frozen=True)
class Due:
    """What a campaign waits for. ``deferred_is_free``: a deferred row can enter now."""

    waiting: datetime | None
    deadline: datetime | None
    deferred_is_free: bool
    expiry: datetime | None

    def by(self, now: datetime) -> bool:
        """Tell whether anything is due now that a wave must decide."""
        return self.deferred_is_free or any(moment is not None and moment <= now for moment in (self.waiting, self.expiry))


def holders(tx: Transaction, campaign_id: int) -> dict[int, str]:
    """Return the waves (id to run key) that hold claimed rows of a campaign."""
    return dict(tx.run("waves-holding-rows", campaign_id=campaign_id))


def give_back(tx: Transaction, campaign_id: int, wave_ids: list[int], now: datetime) -> list[tuple[object, ...]]:
    """Free what dead waves hold: claimed rows wait again; return submissions without an answer, which are unknown now."""
    doubted = tx.run("doubt-submissions-of-waves", wave_ids=wave_ids, now=now)
    tx.run("give-back-claims", wave_ids=wave_ids)
    tx.run("give-back-deferred", campaign_id=campaign_id, wave_ids=wave_ids)
    return doubted


def claim_due(tx: Transaction, campaign_id: int, wave_id: int, now: datetime, *, everything: bool) -> dict[int, int]:
    """Claim for a wave what is due (at the expiry: everything that waits), and return its rows by bucket."""
    tx.run("claim-due", campaign_id=campaign_id, wave_id=wave_id, now=now, everything=everything)
    tx.run("claim-deferred", campaign_id=campaign_id, wave_id=wave_id, everything=everything)
    return dict(tx.run("claimed-by-bucket", campaign_id=campaign_id, wave_id=wave_id))


def claimed(tx: Transaction, campaign_id: int, wave_id: int, channel: str, first_bucket: int, last_bucket: int) -> pa.Table:
    """Return what a part of a wave has to decide: due attempts, and deferred rows as new recipients of the main channel."""
    return tx.table(
        "claimed",
        CLAIMED,
        campaign_id=campaign_id,
        wave_id=wave_id,
        channel=channel,
        first_bucket=first_bucket,
        last_bucket=last_bucket,
    )


def next_due(tx: Transaction, campaign_id: int) -> Due:
    """Return what the campaign waits for."""
    return Due(*tx.one("next-due", campaign_id=campaign_id))
