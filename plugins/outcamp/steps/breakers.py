"""Breakers: a campaign of which too much fails, or is complained about, goes into Error by itself until somebody has looked."""

from __future__ import annotations

from datetime import datetime

from outcamp.core.breakers import tripped
from outcamp.core.campaign import Campaign
from outcamp.store import stops, tallies
from outcamp.store.ledger import Ledger
from outcamp.store.outcomes import Rows


def watch(ledger: Ledger, campaign: Campaign, campaign_id: int, disposed: Rows, now: datetime) -> str | None:
    """Count attempts whose dispositions have been written, and return why the campaign is in Error if they pass one of its lines.

    Called after the transaction that wrote them: whatever sends for the campaign sees the Error when it looks again, before its next chunk.
    """
    if campaign.breakers is None or not disposed:
        return None
    with ledger.transaction() as tx:
        reason = tripped(campaign.breakers, tallies.count(tx, campaign_id, disposed))
        if reason is not None:
            stops.record_error(tx, campaign_id, now, reason)
    return reason
