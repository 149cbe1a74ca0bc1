"""push: recipients that are handed to an external campaign. Each row is answered; those that are accepted are an occurrence of their own.

The rows are judged as of the instant at which the push was first taken in, so whoever repeats it hears the same. Its snapshot, its
occurrence and its wave come into the books in one transaction: before that nobody was pushed, after that the pulse makes its run.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.campaign import Campaign
from outcamp.core.errors import UsageError
from outcamp.core.manifest import Manifest
from outcamp.core.schedule import start_at
from outcamp.core.segment import EXPIRES_AT
from outcamp.frames.endpoints import endpoints
from outcamp.segments.columns import RECIPIENT_ID
from outcamp.segments.pushed_files import PushedRows
from outcamp.steps.engine import PART_ROWS, register
from outcamp.steps.snapshot import add_parts, files_of, prepare_parts
from outcamp.store import campaigns, pushes, waves
from outcamp.store.datasets import INSTANT
from outcamp.store.lake import Lake
from outcamp.store.ledger import Ledger, Transaction

# Why a row is refused. A campaign that takes nobody refuses all of them.
REFUSALS: Final = MappingProxyType(
    {
        "no_recipient_id": "it has no recipient_id, or one with a NUL character",
        "duplicate": "its recipient_id stands further up already",
        "misread_expiry": "its expires_at is no instant with an offset from UTC",
        "expired": "its expires_at has passed",
        "invalid_endpoint": "no phone number or e-mail address of it is valid for the channel",
        "campaign_not_started": "the campaign's start is still to come",
        "campaign_expired": "the campaign has expired",
        "campaign_stopped": "the campaign was stopped",
        "campaign_deleted": "the campaign was deleted",
    }
)
_KEY_LENGTH: Final = 24


@dataclass(frozen=True)
class Answers:
    """What became of each row of a push: ``reason`` is null where it was accepted.

    ``run``: the run key of its wave, or None where nobody was accepted; ``known``: it had been pushed before.
    """

    recipient_id: pa.ChunkedArray
    reason: pa.ChunkedArray
    run: str | None
    known: bool

    @property
    def accepted(self) -> int:
        """How many rows were accepted."""
        return int(self.reason.null_count)

    @property
    def refused(self) -> Counter[str]:
        """How many rows were refused, by the reason."""
        return Counter(self.reason.drop_null().to_pylist())

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for ``--json``: an answer for each row, in the order of the push."""
        rows = zip(self.recipient_id.to_pylist(), self.reason.to_pylist(), strict=True)
        return {
            "push": self.run,
            "known": self.known,
            "accepted": self.accepted,
            "refused": dict(sorted(self.refused.items())),
            "answers": [{"row": row, "recipient_id": who, "refused": why} for row, (who, why) in enumerate(rows, 1)],
        }


def push(
    ledger: Ledger, lake: Lake, manifest: Manifest, rows: PushedRows, now: datetime, token: str = "", part_rows: int = PART_ROWS
) -> Answers:
    """Take the rows of a push into an external campaign, once for ever, and answer each of them.

    Args:
        ledger: The books.
        lake: Where the snapshot goes.
        manifest: The campaign.
        rows: What is pushed.
        now: The instant of a push that is not known yet.
        token: What the push is known by; empty: by its content.
        part_rows: How many rows a part of the snapshot may have.
    """
    campaign = manifest.campaign
    if not campaign.is_external:
        problem = f"The campaign {campaign.name!r} takes no pushes: its recipients come from its segment."
        raise UsageError(problem, next_step="Only a campaign with segment: external takes them.")
    key = (hashlib.sha256(token.encode()).hexdigest() if token else rows.content)[:_KEY_LENGTH]
    run = pushes.run_of(key, rows.content[:_KEY_LENGTH])
    with ledger.transaction() as tx:
        campaign_id = register(tx, manifest).campaign_id
        known = pushes.find(tx, campaign_id, key)
        closed = _closed(tx, campaign_id, manifest, now)
    if known is None:
        reason = _reasons(rows, campaign, now) if closed is None else pa.chunked_array([pa.repeat(closed, rows.table.num_rows)])
        accepted = rows.table.filter(pc.is_null(reason))
        if not accepted.num_rows:
            return Answers(rows.table[RECIPIENT_ID], reason, None, known=False)
        written = prepare_parts(lake, campaign.name, run, [accepted], pa.array([], pa.string()), part_rows)
        with ledger.transaction() as tx:
            pushes.lock(tx, campaign_id)
            known = pushes.find(tx, campaign_id, key)  # somebody may have pushed the same meanwhile
            wave_id = known.wave_id if known else pushes.open_push(tx, campaign_id, run, now, asks=campaign.review).wave_id
            found = waves.parts(tx, wave_id, "snapshot") if known else add_parts(tx, wave_id, written, now)
        lake.settle(files_of(written), files_of(found))
        if known is None:
            return Answers(rows.table[RECIPIENT_ID], reason, run, known=False)
    if known.run != run:
        problem = f"The token {token!r} belongs to another push to {campaign.name}."
        raise UsageError(problem, next_step="Give each push a token of its own; the same one is for the same rows again.")
    return Answers(rows.table[RECIPIENT_ID], _reasons(rows, campaign, known.judged_at), run, known=True)


def _closed(tx: Transaction, campaign_id: int, manifest: Manifest, now: datetime) -> str | None:
    """Return why a campaign takes nobody now. In Error it does: whoever is pushed waits until somebody has looked."""
    halt, _ = campaigns.halt(tx, campaign_id, now)
    if halt not in {None, "error"}:
        return f"campaign_{halt}"
    return "campaign_not_started" if now < start_at(manifest.campaign.schedule, manifest.published_at) else None


def _reasons(rows: PushedRows, campaign: Campaign, now: datetime) -> pa.ChunkedArray:
    """Return why each row is refused, by the first reason that holds; null where it is accepted."""
    ids, expires_at = rows.table[RECIPIENT_ID], rows.table[EXPIRES_AT]
    nameless = pc.or_(pc.equal(pc.fill_null(ids, ""), ""), pc.fill_null(pc.match_substring(ids, "\0"), fill_value=False))
    again = pa.chunked_array([pa.array(ids.to_pandas().duplicated())])
    expired = pc.fill_null(pc.less_equal(expires_at, pa.scalar(now, INSTANT)), fill_value=False)
    unreached = pa.chunked_array([pc.is_null(endpoints(rows.table, campaign, campaign.channel).address)])
    hits = {
        "no_recipient_id": nameless,
        "duplicate": again,
        "misread_expiry": rows.misread,
        "expired": expired,
        "invalid_endpoint": unreached,
    }
    return pc.coalesce(*(pc.if_else(hit, code, pa.scalar(None, pa.string())) for code, hit in hits.items()))
