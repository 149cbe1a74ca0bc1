"""The order of verdicts: each candidate gets exactly one, the first rule that applies to it decides.

Read ``decide`` from top to bottom: that is the whole order. Each rule looks only at the rows that are still undecided.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from outcamp.core.campaign import Campaign
from outcamp.core.dispositions import Channel
from outcamp.core.open_times import OpenTimes
from outcamp.core.zones import to_micros
from outcamp.frames.endpoints import endpoints
from outcamp.frames.hashing import hash_column
from outcamp.frames.open_times import next_open_column
from outcamp.frames.zones import zone_sets

INSTANT = pa.timestamp("us", tz="UTC")
NEVER = np.iinfo(np.int64).min
Mask = NDArray[np.bool_]  # one truth a candidate
Rows = NDArray[np.int64]  # positions of candidates
Standing = Callable[[Rows, pa.Array], pa.Table]  # positions and their endpoints -> is_open, entries, last_entered_at, is_suppressed
FreeAt = Callable[[Rows], tuple[Rows, pa.Array]]  # positions -> those of them that are over a limit, and when it frees


@dataclass(frozen=True)
class Moment:
    """The instant of a wave. ``entered_at``: the wave's own instant, between which entries are measured."""

    now: datetime
    entered_at: datetime
    expires_at: datetime | None


@dataclass
class Decisions:
    """Verdict, reason and due time of each candidate, and what a send will need: the endpoint and the zones."""

    verdict: NDArray[np.object_]
    reason: NDArray[np.object_]
    due_at: NDArray[np.int64]  # microseconds since 1970; NEVER where there is none
    endpoint: NDArray[np.object_]
    zones: NDArray[np.object_]

    @classmethod
    def none_yet(cls, count: int) -> Decisions:
        """Return decisions in which every candidate is still open."""
        blank = [np.full(count, None, object) for _ in range(4)]
        return cls(blank[0], blank[1], np.full(count, NEVER), blank[2], blank[3])

    def settle(self, rows: Rows, hit: Mask, verdict: str, reason: str, due_at: NDArray[np.int64] | None = None) -> Rows:
        """Give those of the rows that are hit this verdict, and return the others, which are still undecided.

        ``hit`` and ``due_at`` hold a value for every candidate; only those of ``rows`` are looked at.
        """
        hits = rows[hit[rows]]
        self.verdict[hits], self.reason[hits] = verdict, reason
        if due_at is not None:
            self.due_at[hits] = due_at[hits]
        return rows[~hit[rows]]

    @staticmethod
    def lacks(column: NDArray[np.object_]) -> Mask:
        """Return which candidates have nothing in a column."""
        return _mask(pc.is_null(pa.array(column, pa.string())))

    def due_column(self) -> pa.Array:
        """Return the due times; null where there is none."""
        return pa.array(self.due_at, type=pa.int64(), mask=self.due_at == NEVER).cast(INSTANT)


def decide(
    candidates: pa.Table, campaign: Campaign, moment: Moment, open_times: dict[Channel, OpenTimes], standing: Standing, free_at: FreeAt
) -> Decisions:
    """Return one verdict for each candidate.

    Args:
        candidates: recipient_id, channel, is_new and the segment's columns, sorted so that equal ids are neighbours, first row first.
        moment: the instant of the wave.
        open_times: of each channel that a candidate may go by.
        standing: asks the ledger about entries and suppression.
        free_at: asks the ledger about communication limits.
    """
    count = candidates.num_rows
    decided = Decisions.none_yet(count)
    rows = np.arange(count)
    is_new = _mask(candidates["is_new"])

    if moment.expires_at is not None and moment.now >= moment.expires_at:
        decided.settle(rows, np.ones(count, bool), "drop", "expired")
        return decided

    rows = decided.settle(rows, _repeats_the_row_before(candidates["recipient_id"], is_new), "drop", "duplicate")

    for channel, mine in _by_channel(candidates["channel"], rows):
        reached = candidates if len(mine) == count else candidates.take(mine)
        found = endpoints(reached, campaign, channel)
        decided.endpoint[mine] = _objects(found.address)
        decided.zones[mine] = _objects(zone_sets(reached, campaign.contact_time, found.zones).cast(pa.string()))
    rows = decided.settle(rows, decided.lacks(decided.endpoint), "drop", "invalid_endpoint")

    known = standing(rows, pa.array(decided.endpoint[rows], pa.string()))
    suppressed, is_open = _spread(count, rows, known["is_suppressed"]), _spread(count, rows, known["is_open"])
    too_often = _spread(count, rows, _over_entry_limits(known, campaign, moment)) & is_new
    rows = decided.settle(rows, suppressed, "drop", "suppressed")
    again = "later" if campaign.while_active == "defer" else "drop"
    rows = decided.settle(rows, is_open, again, "already_in_campaign")
    rows = decided.settle(rows, too_often, "drop", "entry_limit")

    if campaign.contact_time is not None and campaign.contact_time.active:
        rows = decided.settle(rows, decided.lacks(decided.zones), "drop", "no_time_zone")
    rows = decided.settle(rows, is_new & _held_out(candidates["recipient_id"], campaign), "drop", "holdout")

    opens_at = np.full(count, NEVER)
    for channel, mine in _by_channel(candidates["channel"], rows):
        zones = pa.array(decided.zones[mine], pa.string()).dictionary_encode()
        opens_at[mine] = _micros_or_never(next_open_column(open_times[channel], zones, moment.now, moment.expires_at))
    rows = decided.settle(rows, opens_at == NEVER, "drop", "no_open_time")
    rows = decided.settle(rows, opens_at > to_micros(moment.now), "later", "window_closed", opens_at)

    over, frees = free_at(rows)
    frees_at = np.full(count, NEVER)
    frees_at[over] = _micros_or_never(frees)
    in_time = frees_at < (to_micros(moment.expires_at) if moment.expires_at is not None else np.iinfo(np.int64).max)
    if campaign.on_limit == "defer":
        rows = decided.settle(rows, (frees_at != NEVER) & in_time, "later", "over_limit", frees_at)
    rows = decided.settle(rows, frees_at != NEVER, "drop", "over_limit")

    decided.verdict[rows] = "send"
    return decided


def _repeats_the_row_before(recipient_id: pa.ChunkedArray, is_new: Mask) -> Mask:
    """A new candidate is a duplicate when the new candidate before it has the same id."""
    repeats = np.zeros(len(is_new), bool)
    if len(is_new) > 1:
        ids = recipient_id.combine_chunks()
        repeats[1:] = _mask(pc.equal(ids[1:], ids[:-1])) & is_new[1:] & is_new[:-1]
    return repeats


def _over_entry_limits(known: pa.Table, campaign: Campaign, moment: Moment) -> Mask:
    limits = campaign.entry_limits
    over = np.zeros(known.num_rows, bool)
    if limits is not None and limits.max is not None:
        over |= known["entries"].to_numpy() >= limits.max
    if limits is not None and limits.min_interval is not None:
        since = pc.subtract(pa.scalar(moment.entered_at, INSTANT), known["last_entered_at"]).cast(pa.int64())
        over |= _mask(pc.fill_null(pc.less(since, limits.min_interval // timedelta(microseconds=1)), fill_value=False))
    return over


def _held_out(recipient_id: pa.ChunkedArray, campaign: Campaign) -> Mask:
    """The same people at each occurrence, other people in another campaign."""
    if not campaign.holdout:
        return np.zeros(len(recipient_id), bool)
    hashed = hash_column(recipient_id, salt=campaign.name)
    return (hashed >> np.uint64(11)).astype(np.float64) < campaign.holdout * 2.0**53


def _by_channel(channel: pa.ChunkedArray, rows: Rows) -> list[tuple[Channel, Rows]]:
    """Return the rows of each channel that is there."""
    present = pc.unique(channel).to_pylist()
    if len(present) == 1:
        return [(Channel(present[0]), rows)] if len(rows) else []
    names = channel.to_numpy()[rows]
    return [(Channel(name), rows[names == name]) for name in present if (names == name).any()]


def _spread(count: int, rows: Rows, values: pa.ChunkedArray | Mask) -> Mask:
    """Return a mask over all candidates that has these values at these rows, and False elsewhere."""
    mask = np.zeros(count, bool)
    mask[rows] = values if isinstance(values, np.ndarray) else _mask(values)
    return mask


def _mask(values: pa.Array | pa.ChunkedArray) -> Mask:
    mask: Mask = values.to_numpy() if isinstance(values, pa.ChunkedArray) else values.to_numpy(zero_copy_only=False)
    return mask.astype(bool, copy=False)


def _objects(values: pa.Array) -> NDArray[np.object_]:
    objects: NDArray[np.object_] = values.to_numpy(zero_copy_only=False)
    return objects


def _micros_or_never(instants: pa.Array) -> NDArray[np.int64]:
    micros: NDArray[np.int64] = pc.fill_null(instants.cast(pa.int64()), NEVER).to_numpy(zero_copy_only=False)
    return micros
