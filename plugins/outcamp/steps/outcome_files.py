"""Take in outcomes from a file: those that are news change the books, the others are kept aside with their reason.

Taking one in twice changes nothing, so a file that was half taken in when something died is simply taken in again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.campaign import Campaign
from outcamp.core.dispositions import REPORTED
from outcamp.core.manifest import Manifest
from outcamp.core.places import Place
from outcamp.core.schedule import expires_at
from outcamp.segments.files import unchanged
from outcamp.segments.outcome_files import EVENTS, check, stream
from outcamp.steps.breakers import watch
from outcamp.steps.engine import rule_rows
from outcamp.steps.ingest import never_reached
from outcamp.steps.suppress_by_outcome import suppress_by_event
from outcamp.store import campaigns, outcomes
from outcamp.store.ledger import Ledger, Transaction

LEEWAY: Final = timedelta(minutes=5)  # how far a provider's clock may be off
CHUNK_ROWS: Final = 50_000  # of one transaction
# Why an outcome is kept aside.
REASONS: Final = {
    "unreadable": "it cannot be read",
    "no_campaign": "the ledger knows no such campaign",
    "not_here": "the campaign's manifest is not in this project, so what follows on the outcome is not known",
    "no_attempt": "the campaign has no such attempt",
    "other_channel": "the attempt went by another channel",
    "not_submitted": "the attempt has not been submitted",
    "in_the_future": "it has not happened yet",
    "before_submission": "it is older than the submission of its attempt",
    "late": "the channel's deadline had passed: the attempt is no_outcome",
    "ambiguous": "it may belong to several occurrences, and names none",
    "no_disposition": "the channel reports no such disposition",
}
Manifests = Callable[[str], Manifest | None]
Clock = Callable[[], datetime]


@dataclass
class TakenIn:
    """What became of the outcomes of a file. ``known``: the books said so, or something newer, already; ``suppressed``: new on the list."""

    taken: int = 0
    known: int = 0
    reattempts: int = 0
    exits: int = 0
    suppressed: int = 0
    aside: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for ``--json``."""
        return {**asdict(self), "aside": {REASONS[code]: count for code, count in sorted(self.aside.items())}}


def take_in_file(
    ledger: Ledger, manifests: Manifests, path: Place, clock: Clock, progress: Callable[[int], None] = lambda _: None
) -> TakenIn:
    """Take in the outcomes of a file; one that is damaged is refused whole, before anything of it is taken in.

    Args:
        ledger: The books.
        manifests: The manifest of a published campaign by its name, which says what follows; None where there is none.
        path: JSON lines, CSV or Parquet.
        clock: The ledger's clock. It is read for each part of the file: whom an outcome suppresses is on the list from then on.
        progress: Told how many outcomes of the file have been dealt with since it was told last.
    """
    found = TakenIn()
    with unchanged(path):
        check(path)
        for table in stream(path):
            for start in range(0, table.num_rows, CHUNK_ROWS):
                events = table.slice(start, CHUNK_ROWS)
                with ledger.transaction() as tx:
                    now = clock()
                    ended = _take_in(tx, manifests, events, now, found)
                for campaign, campaign_id, disposed in ended:
                    watch(ledger, campaign, campaign_id, disposed, now)
                progress(events.num_rows)
    return found


def place(tx: Transaction, events: pa.Table, now: datetime) -> tuple[pa.Table, pa.ChunkedArray]:
    """Return which attempt each outcome means (``MATCHED``), and the code of ``REASONS`` for which it is kept aside, or null."""
    matched = outcomes.match(tx, events, now, LEEWAY)
    unreadable = pc.if_else(pc.is_valid(events["unreadable"]), "unreadable", None)
    unknown = pc.if_else(_is_disposition(matched["channel"], events["disposition"]), None, "no_disposition")
    return matched, pc.coalesce(unreadable, matched["aside"], unknown)


def _take_in(
    tx: Transaction, manifests: Manifests, events: pa.Table, now: datetime, found: TakenIn
) -> list[tuple[Campaign, int, outcomes.Rows]]:
    """Take in some outcomes, and return each campaign, its id, and the attempts that got their disposition."""
    ended: list[tuple[Campaign, int, outcomes.Rows]] = []
    events = events.sort_by([(name, "ascending") for name in ("campaign", "occurrence", "recipient_id", "attempt")])  # as the indexes are
    matched, aside = place(tx, events, now)
    names = events["campaign"].filter(pc.is_null(aside)).unique().to_pylist()
    known = {name: manifests(name) for name in names}
    foreign = pa.array([name for name in names if known[name] is None and not campaigns.is_deleted(tx, name)], pa.string())
    aside = pc.if_else(pc.and_(pc.is_null(aside), pc.is_in(events["campaign"], value_set=foreign)), "not_here", aside)

    lines, settled = suppress_by_event(tx, events, matched, aside, now)
    found.suppressed, found.known = found.suppressed + lines, found.known + pc.sum(settled).as_py()
    aside = pc.if_else(settled, None, aside)

    good = np.flatnonzero(pc.and_not(pc.is_null(aside), settled).to_numpy())
    columns = {name: events[name].take(pa.array(good)) for name in ("campaign", "recipient_id", "attempt", "disposition")}
    columns |= {name: matched[name].take(pa.array(good)) for name in ("campaign_id", "occurrence_id", "channel", "disposed_at")}
    columns["unreached"] = never_reached(columns["channel"], columns["disposition"])
    rows = pa.table(columns)
    for campaign_id, name in _distinct(rows):
        mine = rows.filter(pc.equal(rows["campaign_id"], campaign_id))
        disposed = outcomes.record(tx, campaign_id, mine)
        found.taken, found.known = found.taken + len(disposed), found.known + mine.num_rows - len(disposed)
        manifest = known[name]
        if manifest is not None:  # who is in a campaign that was deleted has left it
            campaign = manifest.campaign
            followed = outcomes.follow(tx, campaign_id, disposed, rule_rows(campaign), expires_at(campaign.schedule))
            found.reattempts, found.exits = found.reattempts + followed.made, found.exits + followed.exited
            ended.append((campaign, campaign_id, disposed))
    _keep_aside(tx, events, aside, now)
    found.aside += Counter(code for code in aside.drop_null().to_pylist())
    return ended


def _keep_aside(tx: Transaction, events: pa.Table, aside: pa.ChunkedArray, now: datetime) -> None:
    rows = np.flatnonzero(pc.is_valid(aside).to_numpy())
    if not len(rows):
        return
    codes = aside.take(pa.array(rows)).to_pylist()
    kept = events.take(pa.array(rows)).to_pylist()
    reasons = [
        f"{REASONS[code]}: {row['unreadable']}" if code == "unreadable" else REASONS[code] for code, row in zip(codes, kept, strict=True)
    ]
    outcomes.keep_aside(tx, reasons, [row["written"] or _as_json(row) for row in kept], now)


def _as_json(row: dict[str, Any]) -> str:
    said = {name: row[name] for name in EVENTS.names if row[name] is not None}
    return json.dumps(said, default=str, sort_keys=True, ensure_ascii=False)


def _distinct(rows: pa.Table) -> list[tuple[int, str]]:
    pairs = rows.group_by(["campaign_id", "campaign"]).aggregate([]).sort_by("campaign_id").to_pylist()
    return [(pair["campaign_id"], pair["campaign"]) for pair in pairs]


def _is_disposition(channel: pa.ChunkedArray, disposition: pa.ChunkedArray) -> pa.ChunkedArray:
    codes = pa.array([f"{name} {code}" for name, known in REPORTED.items() for code in known])
    return pc.fill_null(pc.is_in(pc.binary_join_element_wise(channel, disposition, " "), value_set=codes), fill_value=False)
