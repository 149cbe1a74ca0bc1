"""The filter's side of the ledger: what is known of candidates, and what their verdicts change."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from outcamp.store import retention
from outcamp.store.campaigns import live_campaigns
from outcamp.store.datasets import STANDING
from outcamp.store.ledger import Transaction

SUBMISSIONS = 0  # the scope of the bucket locks under which limits are counted; campaigns lock under their own id


def lock_buckets(tx: Transaction, scope: int, buckets: list[int]) -> None:
    """Hold the advisory locks of these hash buckets until the transaction ends; taken in order, so nobody waits in a circle."""
    tx.run("lock-buckets", scope=scope, buckets=sorted(buckets))


def standing(tx: Transaction, campaign_id: int, candidates: pa.Table, *, entry_limits: bool) -> pa.Table:
    """Return what the ledger knows of candidates (recipient_id, is_new, endpoint, channel): ``STANDING``, in their order."""
    count = candidates.num_rows
    is_open, is_suppressed = [False] * count, [False] * count
    entries, last_entered_at = [0] * count, [None] * count
    anybody_new = bool(pc.any(candidates["is_new"]).as_py())
    if count and (anybody_new or anybody_suppressed(tx)):
        asked = {name: candidates[name] for name in ("recipient_id", "is_new", "endpoint", "channel")}
        is_open, is_suppressed = tx.one("standing", campaign_id=campaign_id, **asked)
    if anybody_new and entry_limits:
        entries, last_entered_at = tx.one("entries-so-far", campaign_id=campaign_id, recipient_id=candidates["recipient_id"])
    return pa.table([is_open, entries, last_entered_at, is_suppressed], schema=STANDING)


def anybody_suppressed(tx: Transaction) -> bool:
    """Tell whether anybody is on the do-not-contact list."""
    found: bool = tx.one("any-suppressed")[0]
    return found


def over_limits(
    tx: Transaction,
    campaign_id: int,
    recipients: pa.Table,
    limits: list[tuple[int, timedelta]],
    total_limits: list[tuple[int, timedelta]],
    now: datetime,
    *,
    all_campaigns: bool,
) -> tuple[list[int], list[datetime]]:
    """Return the positions of the recipients (recipient_id, bucket) that are over one of the limits, and when the last of these frees."""
    both = [(count, within, False) for count, within in limits] + [(count, within, True) for count, within in total_limits]
    if not both or not recipients.num_rows:
        return [], []
    asked = {
        **_columns(recipients, "recipient_id", "bucket"),
        "counts": [count for count, _, _ in both],
        "withins": [within for _, within, _ in both],
        "totals": [total for _, _, total in both],
        "now": now,
        "all_campaigns": all_campaigns,
        "live": [campaign_id] if all_campaigns else [campaign_id, *live_campaigns(tx, now)],
        "outside_total": [row for (row,) in tx.run("campaigns-outside-total-limits")] if total_limits else [],
    }
    rows = tx.run("over-limits", **asked)
    moved_before = retention.newest(tx)  # only now: what is moved after the count was counted
    if moved_before is not None and moved_before > now - max(within for _, within, _ in both):
        rows = tx.run("over-limits-ever", **asked)
    return [row for row, _ in rows], [free_at for _, free_at in rows]


def apply_verdicts(
    tx: Transaction, campaign_id: int, wave_id: int, verdicts: pa.Table, entered_at: datetime, now: datetime, *, defers: bool
) -> None:
    """Write what a part's verdicts change: entries and attempts of new recipients, moves and exits of due ones, deferred rows."""
    is_new = verdicts["is_new"]
    new = verdicts.filter(is_new)
    due = verdicts.filter(pc.invert(is_new))
    if defers and new.num_rows:
        tx.run("forget-deferred", campaign_id=campaign_id, **_columns(new, "occurrence_id", "recipient_id"))
    if new.num_rows:
        busy = pc.fill_null(pc.equal(new["reason"], "already_in_campaign"), fill_value=False)
        deferred = pc.and_(pc.equal(new["verdict"], "later"), busy)
        # In the order of the primary keys: neighbours go to neighbouring pages, which is half as fast again.
        admitted = new.filter(pc.and_not(pc.not_equal(new["verdict"], "drop"), deferred)).sort_by("recipient_id")
        if admitted.num_rows:
            names = ("occurrence_id", "recipient_id", "bucket", "part", "channel", "verdict", "reason", "due_at")
            tx.run("admit", campaign_id=campaign_id, wave_id=wave_id, entered_at=entered_at, now=now, **_columns(admitted, *names))
        waiting = new.filter(deferred)
        if waiting.num_rows:
            tx.run("defer-rows", campaign_id=campaign_id, **_columns(waiting, "occurrence_id", "recipient_id", "bucket", "part"))
    put_off = due.filter(pc.not_equal(due["verdict"], "send"))
    if put_off.num_rows:
        moved = _columns(put_off, "occurrence_id", "recipient_id", "attempt", "verdict", "reason", "due_at")
        tx.run("put-off", wave_id=wave_id, now=now, **moved)


def _columns(table: pa.Table, *names: str) -> dict[str, pa.ChunkedArray]:
    return {name: table[name] for name in names}
