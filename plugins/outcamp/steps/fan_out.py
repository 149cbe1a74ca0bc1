"""fan_out: list the batches of a wave, after checking that every candidate is accounted for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from outcamp.core.errors import BrokenPromise
from outcamp.steps.engine import Engine
from outcamp.store import campaigns, occurrences, reviews, waves
from outcamp.store.ledger import Transaction
from outcamp.store.waves import BatchRow, PartRow, WaveRow

# How far a clock may be set back, as that of a server that takes over: an earlier step may have seen an end that is still to come.
BEHIND: Final = timedelta(minutes=1)


def fan_out(engine: Engine, run: str, now: datetime) -> list[BatchRow]:
    """Return the batches of a wave; when the verdicts do not add up, nothing is sent.

    There are none where a halt, or a rejection, came before everybody had a verdict: a later try of the snapshot asks for no more of them.
    """
    with engine.ledger.transaction() as tx:
        campaign = engine.register(tx)
        wave = waves.find_wave(tx, campaign.campaign_id, run)
        if wave is None:
            return []
        snapshot = waves.parts(tx, wave.wave_id, "snapshot")
        decided = waves.parts(tx, wave.wave_id, "filter")
        seen = now + BEHIND
        if len(decided) < len(snapshot) and (campaigns.halt(tx, wave.campaign_id, seen)[0] is not None or _is_rejected(tx, wave)):
            return []  # whoever is in this wave's hands waits again once it has ended
        if len(decided) < len(snapshot) and engine.overtaken(wave.scheduled_at, seen):
            # Cleared late: whoever has no verdict yet is in the successor's segment; whoever has one is sent to by these batches.
            snapshot = [part for part in snapshot if part.part in {row.part for row in decided}]
        check_accounts(run, snapshot, decided, segment=wave.occurrence_id is not None)
        for part in decided:
            for ref in part.files:
                engine.lake.publish(ref)
        waves.add_batches(tx, wave.wave_id, [batch for part in decided for batch in _batches(part)])
        tx.run("mark-fanned-out", wave_id=wave.wave_id, now=now)
        if wave.occurrence_id is not None:
            occurrences.close(tx, wave.occurrence_id, now)
            _replace(engine, tx, wave, now)
        return waves.batches(tx, wave.wave_id)


def _is_rejected(tx: Transaction, wave: WaveRow) -> bool:
    return wave.occurrence_id is not None and reviews.review_of(tx, wave.occurrence_id) == reviews.REJECTED


def _replace(engine: Engine, tx: Transaction, wave: WaveRow, now: datetime) -> None:
    """Reject an occurrence that a newer one has replaced while it was being decided: nobody is asked about it any more.

    A push replaces none.
    """
    if not engine.campaign.review or engine.campaign.is_external or wave.occurrence_id is None:
        return
    tx.run("lock-campaign", campaign_id=wave.campaign_id)  # no newer one opens meanwhile; one that opens later finds this one closed
    newest = occurrences.newest(tx, wave.campaign_id)
    if wave.scheduled_at is not None and newest is not None and newest > wave.scheduled_at:
        reviews.reject(tx, wave.campaign_id, wave.occurrence_id, now)


def check_accounts(run: str, snapshot: list[PartRow], decided: list[PartRow], *, segment: bool) -> None:
    """Raise BrokenPromise unless every part is decided and candidates = send + later + drops, in each part."""
    expected, found = {part.part: part for part in snapshot}, {part.part: part for part in decided}
    if expected.keys() != found.keys():
        missing = sorted(expected.keys() ^ found.keys())
        raise BrokenPromise(f"wave {run}: the parts {missing} have no verdicts", next_step=_DECIDE)
    for number, part in found.items():
        # A wave of due rows may decide fewer than it claimed, where a newer occurrence replaced a deferred row.
        claimed = expected[number].rows
        if part.rows > claimed or (segment and part.rows != claimed):
            raise BrokenPromise(f"wave {run}, part {number}: {claimed} candidates, {part.rows} of them considered", next_step=_LOOK)
        by_verdict = {verdict: sum(n for v, _, n in part.funnel if v == verdict) for verdict in ("send", "later", "drop")}
        if sum(by_verdict.values()) != part.rows or sum(n for _, _, n in part.funnel) != part.rows:
            raise BrokenPromise(f"wave {run}, part {number}: {part.rows} candidates, verdicts {by_verdict}", next_step=_LOOK)
        batched = sum(ref.rows for ref in part.files if ref.dataset == "batches")
        if batched != by_verdict["send"]:
            raise BrokenPromise(f"wave {run}, part {number}: {by_verdict['send']} to send, {batched} in batches", next_step=_LOOK)


_DECIDE = "clear the wave's snapshot in Airflow, with what follows it"
_LOOK = "nothing was sent; compare the part's Parquet in verdicts/ with snapshots/, and report it"


def _batches(part: PartRow) -> list[BatchRow]:
    groups = next((ref.row_groups for ref in part.files if ref.dataset == "batches"), ())
    return [BatchRow(part.part * 1024 + index, part.part, index, rows) for index, rows in enumerate(groups)]
