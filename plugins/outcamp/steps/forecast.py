"""What publishing a draft would do with the segment as it is today. It asks the books, sends nothing and writes nothing.

The verdicts are the filter's own, at the instant of the first occurrence: the same rules on the same columns, against the limits and
the do-not-contact list as they stand now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.campaign import Campaign, Limit
from outcamp.core.finish import Finish, Waiting, finish
from outcamp.core.manifest import Manifest
from outcamp.core.open_times import OpenTimes
from outcamp.core.schedule import expires_at, start_at
from outcamp.core.zones import split_zones
from outcamp.frames.filter import Decisions, Moment, Rows, decide
from outcamp.steps.compliance_notes import notes
from outcamp.steps.content import Message
from outcamp.steps.engine import PART_ROWS, Segment
from outcamp.steps.preview import template_columns
from outcamp.steps.snapshot import BUCKET, RECIPIENT, sorted_parts
from outcamp.store import admission
from outcamp.store.datasets import VERDICTS
from outcamp.store.ledger import Ledger, Transaction

NOWHERE: Final = "any zone"  # where the campaign is always open, no zone is looked for
_LOOKED_AHEAD: Final = timedelta(days=28)  # where the campaign never expires
_DRAFT: Final = 0  # no campaign of the ledger: a draft has no entries and no attempts of its own


@dataclass(frozen=True)
class HourOfZone:
    """How many people may first be contacted in an hour (UTC), and their zones."""

    hour: datetime
    zone: str
    people: int


@dataclass(frozen=True)
class Forecast:
    """What would become of the segment at the first occurrence.

    Attributes:
        campaign: Its name.
        at: The instant of the first occurrence, or now where that has passed.
        candidates: The rows of the segment that are not excluded.
        funnel: How many have each verdict and reason, most first.
        hours: When those who are sent to, or wait, may go.
        pace: Messages a second; None without one.
        finishes: How far the main attempts come at that pace before the windows or the campaign close.
        until: The instant up to which that was looked at.
        notes: What a careful reader would ask about.
    """

    campaign: str
    at: datetime
    candidates: int
    funnel: tuple[tuple[str, str, int], ...]
    hours: tuple[HourOfZone, ...]
    pace: float | None
    finishes: Finish | None
    until: datetime
    notes: tuple[str, ...]

    @property
    def contacted(self) -> int:
        """Return how many would be contacted, at once or later."""
        return sum(count for verdict, _, count in self.funnel if verdict != "drop")

    @property
    def is_fine(self) -> bool:
        """Tell whether somebody would be contacted, and everybody in time."""
        return self.contacted > 0 and (self.finishes is None or self.finishes.left == 0)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for ``--json``."""
        return {**asdict(self), "contacted": self.contacted}


def forecast(manifest: Manifest, segment: Segment, ledger: Ledger, now: datetime, total_limits: Sequence[Limit] = ()) -> Forecast:
    """Return what would become of the segment if the draft were published now."""
    campaign = manifest.campaign
    at, expiry = max(now, start_at(campaign.schedule, now)), expires_at(campaign.schedule)
    open_times = OpenTimes.of(campaign.contact_time, campaign.channel)
    funnel: Counter[tuple[str, str]] = Counter()
    due: Counter[tuple[datetime, str]] = Counter()
    moment, message = Moment(now=at, entered_at=at, expires_at=expiry), Message(manifest, campaign.channel)
    with ledger.transaction() as tx:
        books = _Books(tx, campaign, total_limits, at)
        for _, _, rows in sorted_parts(segment.read(0), segment.excluded(), PART_ROWS):
            fixed = {"bucket": rows[BUCKET], "channel": pa.repeat(str(campaign.channel), len(rows)), "is_new": pa.repeat(True, len(rows))}
            books.candidates = pa.table({name: rows[name] for name in rows.column_names} | fixed)
            decided = decide(books.candidates, campaign, moment, {campaign.channel: open_times}, books.standing, books.free_at)
            verdicts = _verdicts(decided, _is_made(manifest, message, rows), at)
            funnel.update(_counted(verdicts, "verdict", "reason"))
            due.update(_counted(verdicts.filter(pc.not_equal(verdicts["verdict"], "drop")), "hour", "zone"))
        told = notes(campaign, total_limits=bool(total_limits), is_list_empty=not admission.anybody_suppressed(tx))
    until = expiry or at + _LOOKED_AHEAD
    pace = campaign.channels[campaign.channel].pace
    hours = tuple(HourOfZone(hour, zone, people) for (hour, zone), people in sorted(due.items()))
    waiting = [_waiting(one, open_times, at, until) for one in hours]
    return Forecast(
        campaign=campaign.name,
        at=at,
        candidates=sum(funnel.values()),
        funnel=tuple(sorted(((*key, count) for key, count in funnel.items()), key=lambda row: (-row[2], *row[:2]))),
        hours=hours,
        pace=pace.per_second if pace else None,
        finishes=finish(waiting, pace.per_second, until) if pace and waiting else None,
        until=until,
        notes=told,
    )


class _Books:
    """What the filter asks the ledger, of a campaign that is not in it yet."""

    candidates: pa.Table

    def __init__(self, tx: Transaction, campaign: Campaign, total_limits: Sequence[Limit], at: datetime) -> None:
        self._tx, self._campaign, self._at = tx, campaign, at
        self._limits = [(limit.count, limit.within) for limit in campaign.limits]
        self._in_total = [] if campaign.ignore_total_limits else [(limit.count, limit.within) for limit in total_limits]

    def standing(self, rows: Rows, endpoint: pa.Array) -> pa.Table:
        """Answer whether these candidates are suppressed; nobody is in the campaign."""
        asked = self.candidates.select([RECIPIENT, "is_new", "channel"]).take(pa.array(rows)).append_column("endpoint", endpoint)
        return admission.standing(self._tx, _DRAFT, asked, entry_limits=False)

    def free_at(self, rows: Rows) -> tuple[Rows, pa.Array]:
        """Answer which of these candidates are over a limit, and when it frees."""
        asked = self.candidates.select([RECIPIENT, "bucket"]).take(pa.array(rows))
        in_all = self._campaign.counts == "all_campaigns"
        over, frees = admission.over_limits(self._tx, _DRAFT, asked, self._limits, self._in_total, self._at, all_campaigns=in_all)
        return rows[np.array(over, np.int64)], pa.array(frees, VERDICTS.field("due_at").type)


def _is_made(manifest: Manifest, message: Message, rows: pa.Table) -> pa.ChunkedArray:
    """Tell of whom the message can be made; those with the same values are looked at once."""
    values = template_columns(manifest, rows).drop_columns([RECIPIENT])
    if not values.num_columns:
        return pa.chunked_array([pa.repeat(True, len(rows))])
    place = "place"
    distinct = values.append_column(place, pa.array(np.arange(len(rows)))).group_by(values.column_names).aggregate([(place, "list")])
    _, made = message.made_for(distinct.select(values.column_names))
    places = pc.list_flatten(distinct[f"{place}_list"])
    each = pa.array(made).take(pc.list_parent_indices(distinct[f"{place}_list"]).combine_chunks())
    return pa.chunked_array([each.take(pc.array_sort_indices(places.combine_chunks()))])


def _verdicts(decided: Decisions, is_made: pa.ChunkedArray, at: datetime) -> pa.Table:
    """Return verdict and reason of each candidate, and of those who are not dropped the hour from which they may go, and their zones."""
    columns = decided.columns()
    fails = pc.and_not(pc.not_equal(columns["verdict"], "drop"), is_made)
    due_at = pc.fill_null(columns["due_at"], pa.scalar(at, columns["due_at"].type))
    return pa.table(
        {
            "verdict": pc.if_else(fails, "drop", columns["verdict"]),
            "reason": pc.if_else(fails, "content_error", pc.fill_null(columns["reason"], "")),
            "hour": pc.floor_temporal(due_at, unit="hour"),
            "zone": pc.fill_null(decided.zones.cast(pa.string()), NOWHERE),
        }
    )


def _counted(table: pa.Table, *names: str) -> dict[tuple[Any, ...], int]:
    counted = table.group_by(list(names)).aggregate([([], "count_all")]).to_pylist()
    return {tuple(row[name] for name in names): row["count_all"] for row in counted}


def _waiting(one: HourOfZone, open_times: OpenTimes, at: datetime, until: datetime) -> Waiting:
    due_at = max(one.hour, at)
    return Waiting(one.people, due_at, tuple(open_times.openings(due_at, until, split_zones(one.zone))))
