"""send: hand one batch to the channel's transport, chunk by chunk, each attempt at most once.

Before each chunk everything is looked at again, and what may go moves to ``submitting`` in a transaction that counts limits
under the bucket locks. Only after its commit is the transport called; its answers are a second transaction. What a crash
leaves between the two becomes ``unknown``: it counts, and is not submitted again. What the transport certainly did not take
waits again, and so does the rest of the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from outcamp.core.dispositions import UNKNOWN, Channel
from outcamp.core.errors import Permanent
from outcamp.core.segment import EXPIRES_AT
from outcamp.frames.open_times import closes_at_column
from outcamp.steps.breakers import watch
from outcamp.steps.content import Message
from outcamp.steps.engine import Engine
from outcamp.steps.ingest import never_reached
from outcamp.steps.second_look import ENDS, Later, look_again
from outcamp.steps.suppress_by_outcome import suppress_by_outcome
from outcamp.steps.turns import Turns, units_of
from outcamp.store import admission, campaigns, submission, waves
from outcamp.store.datasets import ATTEMPT_KEYS, INSTANT
from outcamp.store.ledger import Transaction
from outcamp.store.submission import HANDED_BACK, RESULTS
from outcamp.store.waves import Try
from outcamp.transports.base import BACKOFF, NOT_TAKEN, PROMPT, REFERENCE, SUBMISSION, VALID_UNTIL, Transport, same_answer


@dataclass(frozen=True)
class Sent:
    """What one try of a batch did: rows submitted, rows handed back or dropped; overtaken by a newer try; told to wait by the transport.

    ``paced``: the rest comes again when the pace gets to it.
    """

    submitted: int
    handed_back: int
    overtaken: bool = False
    throttled: bool = False
    paced: bool = False


def send(
    engine: Engine,
    run: str,
    batch: int,
    clock: Callable[[], datetime],
    paused: Callable[[], bool] = lambda: False,
    wait: Callable[[timedelta], None] | None = None,
) -> Sent:
    """Send a batch; a second call finds what the first one left, and submits nothing twice.

    ``wait`` lets the clock go on by so much; without it, as in a simulation, no pace is kept.
    """
    with engine.ledger.transaction() as tx:
        campaign_id = engine.register(tx).campaign_id
        mine = waves.take_token(tx, campaign_id, run, batch)
        if mine is None:
            return Sent(0, 0)
        now = clock()
        doubts = submission.doubt(tx, mine.wave_id, batch, mine.token, now)
        engine.follow(tx, doubts)
    watch(engine.ledger, engine.campaign, campaign_id, doubts, now)
    engine.lake.publish(mine.file)
    rows = engine.lake.read(mine.file, row_group=mine.batch.row_group)
    channel = Channel(rows["channel"][0].as_py())  # a batch is of one channel
    transport = engine.transports[channel]
    message = Message(engine.manifest, channel) if transport.capabilities.texts else None
    pace = engine.campaign.channels[channel].pace
    turns = None if pace is None or wait is None else Turns(engine, channel, pace, clock, wait)
    if turns is not None:
        with engine.ledger.transaction() as tx:
            rows = rows.take(pa.array(submission.still_claimed(tx, mine.wave_id, rows), pa.int64()))
    return _Sending(engine, run, mine, channel, transport, message, turns, clock, paused).all_of(rows)


@dataclass
class _Sending:
    """One try of a batch on its way through the transport."""

    engine: Engine
    run: str
    mine: Try
    channel: Channel
    transport: Transport
    message: Message | None
    turns: Turns | None
    clock: Callable[[], datetime]
    paused: Callable[[], bool]
    later: Later | None = None  # nothing more of this batch goes: the campaign is halted, or the transport or the pace asks to wait

    def all_of(self, rows: pa.Table) -> Sent:
        """Send chunk after chunk; what is left when the rest has to wait is given back at once."""
        submitted = handed_back = start = number = 0
        while start < rows.num_rows:
            chunk, made = self._next(rows.slice(start))
            went = self._chunk(chunk, made, number)
            if went is None:
                return Sent(submitted, handed_back, overtaken=True)
            submitted, handed_back = submitted + went[0], handed_back + went[1]
            start, number = start + chunk.num_rows, number + 1
        reason = self.later and self.later.reason
        return Sent(submitted, handed_back, throttled=reason == "throttled", paced=reason == "pace")

    def _next(self, rows: pa.Table) -> tuple[pa.Table, NDArray[np.bool_]]:
        """Return the rows that go next and which of them have their message, once it is their turn; all, where the rest has to wait."""
        if self.later is not None:
            return rows, np.ones(rows.num_rows, bool)
        size = self.transport.capabilities.chunk_size
        chunk = rows.slice(0, size if self.turns is None else min(size, self.turns.at_once))
        made = np.ones(chunk.num_rows, bool)
        if self.message is not None:
            chunk, made = self.message.made_for(chunk)  # before the locks, which others wait for
        if self.turns is None:
            return chunk, made
        units = units_of(chunk, made, self.channel)
        count = self.turns.fitting(units)
        at = self.turns.take(int(units[:count].sum()), self.paused)
        if at is None:
            return chunk.slice(0, count), made[:count]
        self.later = self.turns.put_off(rows.num_rows, float(units.mean()), at)
        return rows, np.ones(rows.num_rows, bool)

    def _chunk(self, chunk: pa.Table, made: NDArray[np.bool_], number: int) -> tuple[int, int] | None:
        """Submit what of a chunk may go now and return how many rows went and how many came back; None when a newer try has the batch."""
        engine, wave_id, batch, token = self.engine, self.mine.wave_id, self.mine.batch.batch, self.mine.token
        paused = self.paused()
        with engine.ledger.transaction() as tx:
            if not waves.holds_token(tx, wave_id, batch, token):
                return None
            admission.lock_buckets(tx, admission.SUBMISSIONS, pc.unique(chunk["bucket"]).to_pylist())
            # Read under the locks: whoever waited for them must see what was sent meanwhile as past, or it would not count.
            now = self.clock()
            deadline_at = now + engine.campaign.channels[self.channel].outcome_deadline
            look = look_again(engine, tx, self.channel, chunk, now, paused=paused, later=self.later, made=made)
            going = chunk.take(pa.array(look.going()))
            self.later = Later(look.halt) if look.halt else self.later
            moved = submission.submit(tx, wave_id, batch, token, going, now, deadline_at) if going.num_rows else []
            returned = submission.hand_back(tx, wave_id, look.handed_back(chunk), now)
        if not moved:
            return 0, returned
        rows = self._addressed(_those(going, moved), number, now)
        leaves = self.clock() if self.turns is None else self.turns.depart()
        if leaves is None or leaves - now > PROMPT:  # this process stood still: what was looked at may have changed
            return 0, returned + self._take_in(rows, same_answer(rows.num_rows, status="later", until=now), now, "late")
        try:
            answers = self.transport.submit(rows, leaves)
        except Permanent:  # nothing of the chunk was taken: whoever clears the cause finds nobody lost or in doubt
            self._take_in(rows, same_answer(rows.num_rows, status="throttled", until=now), now, "error")
            raise
        taken_back = self._take_in(rows, answers, now, "throttled")
        return rows.num_rows - taken_back, returned + taken_back

    def _addressed(self, rows: pa.Table, number: int, now: datetime) -> pa.Table:
        """Return the rows with their references, the chunk's name, and how long each message is valid."""
        rows = rows.append_column(REFERENCE, reference_column(self.engine.campaign.name, rows))
        # The try is in the name: the next one may begin with other rows, and whoever knows a name again would not take them.
        name = f"{self.run}-{self.mine.batch.batch}-{self.mine.token}-{number}"
        rows = rows.append_column(SUBMISSION, pa.repeat(pa.scalar(name), rows.num_rows))
        if not self.transport.capabilities.validity:
            return rows
        zones, expires_at = rows["zones"].combine_chunks().dictionary_encode(), self.engine.expires_at
        closes_at = closes_at_column(self.engine.open_times[self.channel], zones, now, expires_at)
        until = pc.fill_null(closes_at, pa.scalar(expires_at, INSTANT)) if expires_at else closes_at
        if EXPIRES_AT in rows.column_names:
            own = rows[EXPIRES_AT]
            until = pc.if_else(pc.coalesce(pc.less(own, until), pc.is_null(until)), own, until)
        return rows.append_column(VALID_UNTIL, until)

    def _take_in(self, rows: pa.Table, answers: pa.Table, now: datetime, reason: str) -> int:
        """Write the answers down, let wait what was not taken, for this reason, and return how many that are."""
        engine, wave_id, batch, token = self.engine, self.mine.wave_id, self.mine.batch.batch, self.mine.token
        back = pc.is_in(answers["status"], pa.array(NOT_TAKEN))
        taken = pc.invert(back)
        results = _as_results(rows.filter(taken), answers.filter(taken), now)
        until = pc.fill_null(answers["until"].filter(back), pa.scalar(now + BACKOFF, INSTANT))
        throttled = pc.equal(answers["status"].filter(back), "throttled")
        if pc.any(throttled).as_py():
            self.later = Later("throttled", pc.max(until.filter(throttled)).as_py())
        with engine.ledger.transaction() as tx:
            campaign_id = engine.register(tx).campaign_id
            if len(until):
                submission.hold_campaign(tx, campaign_id)  # first: whoever stops it takes its locks in this order
            disposed = submission.record_answers(tx, wave_id, batch, token, results)
            engine.follow(tx, disposed)
            if engine.suppresses:
                suppress_by_outcome(tx, results, self.clock())
            taken_back = self._take_back(tx, rows.filter(back), until, reason, now) if len(until) else 0
        watch(engine.ledger, engine.campaign, campaign_id, disposed, now)
        return taken_back

    def _take_back(self, tx: Transaction, rows: pa.Table, until: pa.ChunkedArray, reason: str, now: datetime) -> int:
        """Let rows wait that were not taken, each until its instant, and return how many that are."""
        ended, _ = campaigns.halt(tx, self.engine.register(tx).campaign_id, self.clock())
        fate = ("closed", ended) if ended in ENDS else ("waiting", reason)
        columns = [*(rows[name] for name in ATTEMPT_KEYS.names), *(pa.repeat(pa.scalar(word), len(until)) for word in fate), until]
        back = pa.table(columns, schema=HANDED_BACK)
        return submission.take_back(tx, self.mine.wave_id, self.mine.batch.batch, self.mine.token, back, now)


def reference_column(campaign: str, rows: pa.Table) -> pa.ChunkedArray:
    """Return the reference of each row's attempt: what ``core.references.reference_of`` says of one."""
    keys = (rows[name].cast(pa.string()) for name in ("occurrence", "attempt", "recipient_id"))
    return pc.binary_join_element_wise(campaign, *keys, "/")


def _those(going: pa.Table, moved: list[tuple[int, str]]) -> pa.Table:
    """Return the rows that moved, in the order of the chunk; it holds a recipient once for each occurrence."""
    if len(moved) == going.num_rows:
        return going
    held = set(moved)
    keys = zip(going["occurrence_id"].to_pylist(), going["recipient_id"].to_pylist(), strict=True)
    return going.filter(pa.array([key in held for key in keys]))


def _as_results(rows: pa.Table, answers: pa.Table, now: datetime) -> pa.Table:
    """Return the transport's answers as result rows of the ledger."""
    disposition = pc.if_else(pc.equal(answers["status"], "unknown"), UNKNOWN, answers["disposition"])
    disposed_at = pc.if_else(pc.is_valid(disposition), pc.fill_null(answers["disposed_at"], pa.scalar(now, INSTANT)), None)
    columns = {name: rows[name] for name in ATTEMPT_KEYS.names} | {
        "unreached": never_reached(rows["channel"], disposition),
        "message_id": answers["message_id"],
        "disposition": disposition,
        "disposed_at": disposed_at,
    }
    return pa.table([columns[name] for name in RESULTS.names], schema=RESULTS)
