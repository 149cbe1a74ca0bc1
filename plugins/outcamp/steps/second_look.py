"""The second look: right before a chunk is submitted, everything is asked once more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from outcamp.core.dispositions import Channel
from outcamp.core.zones import to_micros
from outcamp.frames.filter import NEVER, ends_at_column
from outcamp.frames.open_times import next_open_column
from outcamp.steps.engine import Engine
from outcamp.store import admission, campaigns, reviews
from outcamp.store.datasets import ATTEMPT_KEYS
from outcamp.store.ledger import Transaction
from outcamp.store.submission import HANDED_BACK

# A campaign that does not send now drops its rows for good, for one of these reasons, or gives them back to wait.
ENDS: Final = frozenset({"stopped", "deleted", "expired"})


@dataclass(frozen=True)
class Later:
    """Nothing more of a batch goes now. ``since``: when its first row is due again; None: as before. ``each``: the distance of two rows."""

    reason: str
    since: datetime | None = None
    each: timedelta = timedelta(0)

    def due_at(self, count: int) -> list[datetime] | None:
        """Return when so many rows are due again."""
        return None if self.since is None else [self.since + number * self.each for number in range(count)]


class Look:
    """What a second look makes of each row of a chunk. ``halt``: why the campaign sends nothing at all."""

    def __init__(self, count: int) -> None:
        self.halt: str | None = None
        self._state = np.full(count, "submitting", object)
        self._reason = np.full(count, None, object)
        self._due_at = np.full(count, None, object)

    def going(self) -> NDArray[np.int64]:
        """Return the positions of the rows that may still go."""
        return np.flatnonzero(self._state == "submitting")

    def keep(self, rows: NDArray[np.int64], state: str, reason: str, due_at: list[datetime] | None = None) -> None:
        """Let these rows not go: ``waiting`` (until due_at, or due as before) or ``closed``."""
        self._state[rows], self._reason[rows] = state, reason
        if due_at is not None:
            self._due_at[rows] = due_at

    def handed_back(self, chunk: pa.Table) -> pa.Table:
        """Return the rows that do not go (``HANDED_BACK``)."""
        kept = np.flatnonzero(self._state != "submitting")
        columns = [chunk[name].take(pa.array(kept)) for name in ATTEMPT_KEYS.names]
        return pa.table([*columns, self._state[kept], self._reason[kept], self._due_at[kept]], schema=HANDED_BACK)


def look_again(
    engine: Engine,
    tx: Transaction,
    channel: Channel,
    chunk: pa.Table,
    now: datetime,
    *,
    paused: bool,
    later: Later | None,
    made: NDArray[np.bool_],
) -> Look:
    """Ask everything once more: stopped? paused? to wait? expired? window open? suppressed since? text made? limits?"""
    look = Look(chunk.num_rows)
    campaign_id = engine.register(tx).campaign_id
    halt, any_suppressed = campaigns.halt(tx, campaign_id, now)
    look.halt = halt or ("paused" if paused else None)
    if look.halt is not None:
        look.keep(look.going(), "closed" if look.halt in ENDS else "waiting", look.halt)
        return look
    if engine.campaign.review:  # somebody may have marked the question as answered, which is no answer
        unanswered = {one.occurrence_id for one in reviews.pending(tx, campaign_id)}
        if unanswered.intersection(pc.unique(chunk["occurrence_id"]).to_pylist()):
            look.keep(look.going(), "waiting", "awaiting_review")
            return look
    if later is not None:
        look.keep(look.going(), "waiting", later.reason, later.due_at(chunk.num_rows))
        return look

    opening = next_open_column(engine.open_times[channel], chunk["zones"].combine_chunks().dictionary_encode(), now, engine.expires_at)
    ends_at = ends_at_column(chunk, engine.expires_at)
    at = pc.fill_null(opening.cast(pa.int64()), NEVER).to_numpy(zero_copy_only=False)
    at = np.where(at < ends_at, at, NEVER)
    look.keep(np.flatnonzero(at == NEVER), "closed", "no_open_time")
    shut = np.flatnonzero(at > to_micros(now))
    look.keep(shut, "waiting", "window_closed", opening.take(pa.array(shut)).to_pylist())
    look.keep(np.flatnonzero(ends_at <= to_micros(now)), "closed", "expired")

    rows = look.going()
    if any_suppressed:
        known = admission.standing(tx, campaign_id, _asked(chunk, rows), entry_limits=False)
        look.keep(rows[known["is_suppressed"].to_numpy()], "closed", "suppressed")

    rows = look.going()
    look.keep(rows[~made[rows]], "closed", "content_error")

    rows = look.going()
    over, frees = admission.over_limits(
        tx,
        campaign_id,
        chunk.select(["recipient_id", "bucket"]).take(pa.array(rows)),
        engine.limits,
        engine.limits_in_total,
        now,
        all_campaigns=engine.campaign.counts == "all_campaigns",
    )
    for position, free_at in zip(over, frees, strict=True):  # few: the plan in filter let them through
        if engine.campaign.on_limit == "defer" and to_micros(free_at) < ends_at[rows[position]]:
            look.keep(rows[[position]], "waiting", "over_limit", [free_at])
        else:
            look.keep(rows[[position]], "closed", "over_limit")
    return look


def _asked(chunk: pa.Table, rows: NDArray[np.int64]) -> pa.Table:
    chosen = chunk.select(["recipient_id", "channel", "endpoint"]).take(pa.array(rows))
    return chosen.append_column("is_new", pa.array(np.zeros(len(rows), bool)))
