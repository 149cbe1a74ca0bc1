"""send: hand one batch to the channel's transport, chunk by chunk, each attempt at most once.

Before each chunk everything is looked at again, and what may go moves to ``submitting`` in a transaction that counts limits
under the bucket locks. Only after its commit is the transport called; its answers are a second transaction. What a crash
leaves between the two becomes ``unknown``: it counts, and is not submitted again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from outcamp.core.dispositions import Channel
from outcamp.core.zones import to_micros
from outcamp.frames.filter import NEVER
from outcamp.frames.open_times import next_open_column
from outcamp.steps.engine import Engine
from outcamp.steps.ingest import never_reached
from outcamp.store import admission, campaigns, submission, waves
from outcamp.store.datasets import ATTEMPT_KEYS, INSTANT
from outcamp.store.ledger import Transaction
from outcamp.store.submission import HANDED_BACK, RESULTS
from outcamp.store.waves import Try

# Why a campaign does not send now, and what becomes of the rows: dropped for good, or given back to wait.
_ENDS = frozenset({"stopped", "deleted", "expired"})


@dataclass(frozen=True)
class Sent:
    """What one try of a batch did: rows submitted, rows handed back or dropped, and whether a newer try took over."""

    submitted: int
    handed_back: int
    overtaken: bool = False


def send(engine: Engine, run: str, batch: int, clock: Callable[[], datetime], paused: Callable[[], bool] = lambda: False) -> Sent:
    """Send a batch; a second call finds what the first one left, and submits nothing twice."""
    with engine.ledger.transaction() as tx:
        mine = waves.take_token(tx, engine.register(tx).campaign_id, run, batch)
        if mine is None:
            return Sent(0, 0)
        engine.follow(tx, submission.doubt(tx, mine.wave_id, batch, mine.token, clock()))
    engine.lake.publish(mine.file)
    rows = engine.lake.read(mine.file, row_group=mine.batch.row_group)
    channel = Channel(rows["channel"][0].as_py())  # a batch is of one channel
    chunk_size = engine.transports[channel].capabilities.chunk_size
    submitted = handed_back = 0
    for start in range(0, rows.num_rows, chunk_size):
        went = _send_chunk(engine, mine, channel, rows.slice(start, chunk_size), clock, paused=paused())
        if went is None:
            return Sent(submitted, handed_back, overtaken=True)
        submitted, handed_back = submitted + went[0], handed_back + went[1]
    return Sent(submitted, handed_back)


def _send_chunk(
    engine: Engine, mine: Try, channel: Channel, chunk: pa.Table, clock: Callable[[], datetime], *, paused: bool
) -> tuple[int, int] | None:
    """Submit what of a chunk may go now and return how many rows went and how many came back; None when a newer try has the batch."""
    wave_id, batch, token = mine.wave_id, mine.batch.batch, mine.token
    with engine.ledger.transaction() as tx:
        if not waves.holds_token(tx, wave_id, batch, token):
            return None
        admission.lock_buckets(tx, admission.SUBMISSIONS, pc.unique(chunk["bucket"]).to_pylist())
        # Read under the locks: whoever waited for them must see what was sent meanwhile as past, or it would not count.
        now = clock()
        deadline_at = now + engine.campaign.channels[channel].outcome_deadline
        look = _look_again(engine, tx, channel, chunk, now, paused=paused)
        going = chunk.take(pa.array(look.going()))
        moved = submission.submit(tx, wave_id, batch, token, going, now, deadline_at) if going.num_rows else []
        returned = submission.hand_back(tx, wave_id, look.handed_back(chunk), now)
    if not moved:
        return 0, returned
    rows = _those(going, moved)
    answers = _as_results(rows, engine.transports[channel].submit(rows, now), now)
    with engine.ledger.transaction() as tx:
        engine.follow(tx, submission.record_answers(tx, wave_id, batch, token, answers))
    return rows.num_rows, returned


class _Look:
    """What a second look before the submission makes of each row of a chunk."""

    def __init__(self, count: int) -> None:
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


def _look_again(engine: Engine, tx: Transaction, channel: Channel, chunk: pa.Table, now: datetime, *, paused: bool) -> _Look:
    """Ask everything once more: stopped? paused? expired? window open? suppressed since? limits?"""
    look = _Look(chunk.num_rows)
    campaign_id = engine.register(tx).campaign_id
    halt, any_suppressed = campaigns.halt(tx, campaign_id, now)
    if halt is not None:
        look.keep(look.going(), "closed" if halt in _ENDS else "waiting", halt)
        return look
    if paused:
        look.keep(look.going(), "waiting", "paused")
        return look

    opening = next_open_column(engine.open_times[channel], chunk["zones"].combine_chunks().dictionary_encode(), now, engine.expires_at)
    at = pc.fill_null(opening.cast(pa.int64()), NEVER).to_numpy(zero_copy_only=False)
    look.keep(np.flatnonzero(at == NEVER), "closed", "no_open_time")
    shut = np.flatnonzero(at > to_micros(now))
    look.keep(shut, "waiting", "window_closed", opening.take(pa.array(shut)).to_pylist())

    rows = look.going()
    if any_suppressed:
        known = admission.standing(tx, campaign_id, _asked(chunk, rows), entry_limits=False)
        look.keep(rows[known["is_suppressed"].to_numpy()], "closed", "suppressed")

    rows = look.going()
    over, frees = admission.over_limits(
        tx,
        campaign_id,
        chunk["recipient_id"].take(pa.array(rows)),
        engine.limits,
        engine.limits_in_total,
        now,
        all_campaigns=engine.campaign.counts == "all_campaigns",
    )
    for position, free_at in zip(over, frees, strict=True):  # few: the plan in filter let them through
        in_time = engine.expires_at is None or free_at < engine.expires_at
        if engine.campaign.on_limit == "defer" and in_time:
            look.keep(rows[[position]], "waiting", "over_limit", [free_at])
        else:
            look.keep(rows[[position]], "closed", "over_limit")
    return look


def _asked(chunk: pa.Table, rows: NDArray[np.int64]) -> pa.Table:
    chosen = chunk.select(["recipient_id", "channel", "endpoint"]).take(pa.array(rows))
    return chosen.append_column("is_new", pa.array(np.zeros(len(rows), bool)))


def _those(going: pa.Table, moved: list[tuple[int, str]]) -> pa.Table:
    """Return the rows that moved, in the order of the chunk; it holds a recipient once for each occurrence."""
    if len(moved) == going.num_rows:
        return going
    held = set(moved)
    keys = zip(going["occurrence_id"].to_pylist(), going["recipient_id"].to_pylist(), strict=True)
    return going.filter(pa.array([key in held for key in keys]))


def _as_results(rows: pa.Table, answers: pa.Table, now: datetime) -> pa.Table:
    """Return the transport's answers as result rows of the ledger."""
    refused = pc.equal(answers["status"], "refused")
    columns = {name: rows[name] for name in ATTEMPT_KEYS.names} | {
        "unreached": never_reached(rows["channel"], answers["disposition"]),
        "message_id": answers["message_id"],
        "disposition": answers["disposition"],
        "disposed_at": pc.if_else(refused, pc.fill_null(answers["disposed_at"], pa.scalar(now, INSTANT)), answers["disposed_at"]),
    }
    return pa.table([columns[name] for name in RESULTS.names], schema=RESULTS)
