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
from outcamp.core.segment import EXPIRES_AT
from outcamp.core.zones import to_micros
from outcamp.frames.endpoints import endpoints
from outcamp.frames.hashing import hash_column
from outcamp.frames.open_times import next_open_column
from outcamp.frames.zones import zone_sets

INSTANT = pa.timestamp("us", tz="UTC")
NEVER = np.iinfo(np.int64).min
UNDECIDED = -1
SEND = ("send", None)
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


class Decisions:
    """Verdict, reason and due time of each candidate, and what a send will need: the endpoint and the zones, null where there are none."""

    def __init__(self, count: int) -> None:
        """Every candidate is still undecided."""
        self.outcomes: list[tuple[str, str | None]] = []  # verdict and reason
        self.outcome = np.full(count, UNDECIDED, np.int8)  # of each candidate, its place in outcomes
        self.due_at = np.full(count, NEVER)  # microseconds since 1970
        self.endpoint: pa.Array = pa.nulls(count, pa.string())
        self.zones: pa.DictionaryArray = pa.nulls(count, pa.dictionary(pa.int32(), pa.string()))

    def settle(self, rows: Rows, hit: Mask, verdict: str, reason: str | None, due_at: NDArray[np.int64] | None = None) -> Rows:
        """Give those of the rows that are hit this verdict, and return the others, which are still undecided.

        ``hit`` and ``due_at`` hold a value for every candidate; only those of ``rows`` are looked at.
        """
        hit_rows = hit[rows]
        hits = rows[hit_rows]
        if not len(hits):
            return rows
        self.outcome[hits] = len(self.outcomes)
        self.outcomes.append((verdict, reason))
        if due_at is not None:
            self.due_at[hits] = due_at[hits]
        return rows[~hit_rows]

    def sends(self) -> Rows:
        """Return the candidates that are sent to."""
        return np.flatnonzero(self.outcome == self.outcomes.index(SEND)) if SEND in self.outcomes else np.empty(0, np.int64)

    def columns(self) -> dict[str, pa.Array]:
        """Return verdict, reason and due time of each candidate; null where there is no reason or no due time."""
        verdicts, reasons = zip(*self.outcomes, strict=True) if self.outcomes else ((), ())
        return {
            "verdict": pa.array(verdicts, pa.string()).take(pa.array(self.outcome)),
            "reason": pa.array(reasons, pa.string()).take(pa.array(self.outcome)),
            "due_at": pa.array(self.due_at, pa.int64(), mask=self.due_at == NEVER).cast(INSTANT),
        }

    def funnel(self) -> tuple[tuple[str, str, int], ...]:
        """Return how many candidates have each verdict and reason."""
        counts = np.bincount(self.outcome, minlength=len(self.outcomes)).tolist()
        return tuple(sorted((verdict, reason or "", count) for (verdict, reason), count in zip(self.outcomes, counts, strict=True)))


def decide(
    candidates: pa.Table, campaign: Campaign, moment: Moment, open_times: dict[Channel, OpenTimes], standing: Standing, free_at: FreeAt
) -> Decisions:
    """Return one verdict for each candidate.

    Args:
        candidates: recipient_id, channel, is_new and the segment's columns, sorted so that equal ids are neighbours, first row first;
            with a column expires_at, an external campaign sends nothing to a candidate from then on.
        moment: the instant of the wave.
        open_times: of each channel that a candidate may go by.
        standing: asks the ledger about entries and suppression.
        free_at: asks the ledger about communication limits.
    """
    count = candidates.num_rows
    decided = Decisions(count)
    rows, everybody = np.arange(count), np.ones(count, bool)
    is_new = _mask(candidates["is_new"])

    if moment.expires_at is not None and moment.now >= moment.expires_at:
        decided.settle(rows, everybody, "drop", "expired")
        return decided

    ends_at = ends_at_column(candidates, moment.expires_at)
    rows = decided.settle(rows, ends_at <= to_micros(moment.now), "drop", "expired")
    rows = decided.settle(rows, _repeats_the_row_before(candidates["recipient_id"], is_new), "drop", "duplicate")

    addresses, zones = [], []
    for channel, mine in _by_channel(candidates["channel"], rows):
        reached = candidates if len(mine) == count else candidates.take(mine)
        found = endpoints(reached, campaign, channel)
        addresses.append((mine, found.address))
        zones.append((mine, zone_sets(reached, campaign.contact_time, found.zones)))
    decided.endpoint, decided.zones = _in_place(decided.endpoint, addresses), _in_place(decided.zones, zones)
    rows = decided.settle(rows, _mask(decided.endpoint.is_null()), "drop", "invalid_endpoint")

    known = standing(rows, decided.endpoint.take(pa.array(rows)))
    suppressed, is_open = _spread(count, rows, known["is_suppressed"]), _spread(count, rows, known["is_open"])
    too_often = _spread(count, rows, _over_entry_limits(known, campaign, moment)) & is_new
    rows = decided.settle(rows, suppressed, "drop", "suppressed")
    again = "later" if campaign.while_active == "defer" else "drop"
    rows = decided.settle(rows, is_open, again, "already_in_campaign")
    rows = decided.settle(rows, too_often, "drop", "entry_limit")

    if campaign.contact_time is not None and campaign.contact_time.active:
        rows = decided.settle(rows, _mask(decided.zones.is_null()), "drop", "no_time_zone")
    rows = decided.settle(rows, is_new & _held_out(candidates["recipient_id"], campaign), "drop", "holdout")

    opens_at = np.full(count, NEVER)
    for channel, mine in _by_channel(candidates["channel"], rows):
        opening = next_open_column(open_times[channel], decided.zones.take(pa.array(mine)), moment.now, moment.expires_at)
        opens_at[mine] = _micros_or_never(opening)
    opens_at[opens_at >= ends_at] = NEVER
    rows = decided.settle(rows, opens_at == NEVER, "drop", "no_open_time")
    rows = decided.settle(rows, opens_at > to_micros(moment.now), "later", "window_closed", opens_at)

    over, frees = free_at(rows)
    frees_at = np.full(count, NEVER)
    frees_at[over] = _micros_or_never(frees)
    if campaign.on_limit == "defer":
        rows = decided.settle(rows, (frees_at != NEVER) & (frees_at < ends_at), "later", "over_limit", frees_at)
    rows = decided.settle(rows, frees_at != NEVER, "drop", "over_limit")

    decided.settle(rows, everybody, *SEND)
    return decided


def ends_at_column(rows: pa.Table, expires_at: datetime | None) -> NDArray[np.int64]:
    """Return in microseconds from when on nothing is sent to each row: its own expiry, or the campaign's where that is before."""
    ends_at = np.full(rows.num_rows, np.iinfo(np.int64).max if expires_at is None else to_micros(expires_at))
    if EXPIRES_AT in rows.column_names:
        own = pc.fill_null(rows[EXPIRES_AT].cast(pa.int64()), np.iinfo(np.int64).max).to_numpy()
        ends_at = np.minimum(ends_at, own)
    return ends_at


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


def _in_place(nothing: pa.Array, pieces: list[tuple[Rows, pa.Array]]) -> pa.Array:
    """Return what the pieces hold for their rows, in the order of the candidates; nothing elsewhere."""
    if len(pieces) == 1 and len(pieces[0][0]) == len(nothing):
        return pieces[0][1]
    places = np.full(len(nothing), -1)
    if pieces:
        places[np.concatenate([rows for rows, _ in pieces])] = np.arange(sum(len(rows) for rows, _ in pieces))
    found = pa.concat_arrays([nothing.slice(0, 0), *(values for _, values in pieces)])
    return found.take(pa.array(places, mask=places < 0))


def _spread(count: int, rows: Rows, values: pa.ChunkedArray | Mask) -> Mask:
    """Return a mask over all candidates that has these values at these rows, and False elsewhere."""
    mask = np.zeros(count, bool)
    mask[rows] = values if isinstance(values, np.ndarray) else _mask(values)
    return mask


def _mask(values: pa.Array | pa.ChunkedArray) -> Mask:
    mask: Mask = values.to_numpy() if isinstance(values, pa.ChunkedArray) else values.to_numpy(zero_copy_only=False)
    return mask.astype(bool, copy=False)


def _micros_or_never(instants: pa.Array) -> NDArray[np.int64]:
    micros: NDArray[np.int64] = pc.fill_null(instants.cast(pa.int64()), NEVER).to_numpy(zero_copy_only=False)
    return micros
