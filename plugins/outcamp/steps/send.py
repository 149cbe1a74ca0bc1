"""send: hand one batch to the channel's transport, chunk by chunk, each attempt at most once.

Before each chunk everything is looked at again, and what may go moves to ``submitting`` in a transaction that counts limits
under the bucket locks. Only after its commit is the transport called; its answers are a second transaction. What a crash
leaves between the two becomes ``unknown``: it counts, and is not submitted again. What the transport certainly did not take
waits again, and so does the rest of the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.dispositions import UNKNOWN, Channel
from outcamp.core.errors import Permanent
from outcamp.frames.open_times import closes_at_column
from outcamp.steps.content import Message
from outcamp.steps.engine import Engine
from outcamp.steps.ingest import never_reached
from outcamp.steps.second_look import ENDS, look_again
from outcamp.store import admission, campaigns, submission, waves
from outcamp.store.datasets import ATTEMPT_KEYS, INSTANT
from outcamp.store.submission import HANDED_BACK, RESULTS
from outcamp.store.waves import Try
from outcamp.transports.base import BACKOFF, REFERENCE, SUBMISSION, VALID_UNTIL, Transport, same_answer


@dataclass(frozen=True)
class Sent:
    """What one try of a batch did: rows submitted, rows handed back or dropped; overtaken by a newer try; told to wait by the transport."""

    submitted: int
    handed_back: int
    overtaken: bool = False
    throttled: bool = False


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
    transport = engine.transports[channel]
    message = Message(engine.manifest, channel) if transport.capabilities.texts else None
    sending = _Sending(engine, run, mine, channel, transport, message, clock)
    return sending.all_of(rows, paused)


@dataclass
class _Sending:
    """One try of a batch on its way through the transport."""

    engine: Engine
    run: str
    mine: Try
    channel: Channel
    transport: Transport
    message: Message | None
    clock: Callable[[], datetime]
    throttled_until: datetime | None = None  # the transport asked to wait: nothing more of this batch goes

    def all_of(self, rows: pa.Table, paused: Callable[[], bool]) -> Sent:
        """Send chunk after chunk; what is left when the transport asks to wait is given back at once."""
        size = self.transport.capabilities.chunk_size
        submitted = handed_back = start = 0
        while start < rows.num_rows:
            chunk = rows.slice(start, size if self.throttled_until is None else None)
            went = self._chunk(chunk, start // size, paused=paused())
            if went is None:
                return Sent(submitted, handed_back, overtaken=True)
            submitted, handed_back, start = submitted + went[0], handed_back + went[1], start + chunk.num_rows
        return Sent(submitted, handed_back, throttled=self.throttled_until is not None)

    def _chunk(self, chunk: pa.Table, number: int, *, paused: bool) -> tuple[int, int] | None:
        """Submit what of a chunk may go now and return how many rows went and how many came back; None when a newer try has the batch."""
        engine, wave_id, batch, token = self.engine, self.mine.wave_id, self.mine.batch.batch, self.mine.token
        made = np.ones(chunk.num_rows, bool)
        if self.message is not None and self.throttled_until is None:
            chunk, made = self.message.made_for(chunk)  # before the locks, which others wait for
        with engine.ledger.transaction() as tx:
            if not waves.holds_token(tx, wave_id, batch, token):
                return None
            admission.lock_buckets(tx, admission.SUBMISSIONS, pc.unique(chunk["bucket"]).to_pylist())
            # Read under the locks: whoever waited for them must see what was sent meanwhile as past, or it would not count.
            now = self.clock()
            deadline_at = now + engine.campaign.channels[self.channel].outcome_deadline
            look = look_again(engine, tx, self.channel, chunk, now, paused=paused, throttled_until=self.throttled_until, made=made)
            going = chunk.take(pa.array(look.going()))
            moved = submission.submit(tx, wave_id, batch, token, going, now, deadline_at) if going.num_rows else []
            returned = submission.hand_back(tx, wave_id, look.handed_back(chunk), now)
        if not moved:
            return 0, returned
        rows = self._addressed(_those(going, moved), number, now)
        try:
            answers = self.transport.submit(rows, now)
        except Permanent:  # nothing of the chunk was taken: whoever clears the cause finds nobody lost or in doubt
            self._take_in(rows, same_answer(rows.num_rows, status="throttled", until=now), now, "error")
            raise
        taken_back = self._take_in(rows, answers, now, "throttled")
        return rows.num_rows - taken_back, returned + taken_back

    def _addressed(self, rows: pa.Table, number: int, now: datetime) -> pa.Table:
        """Return the rows with their references, the chunk's name, and how long each message is valid."""
        rows = rows.append_column(REFERENCE, reference_column(self.engine.campaign.name, rows))
        rows = rows.append_column(SUBMISSION, pa.repeat(pa.scalar(f"{self.run}-{self.mine.batch.batch}-{number}"), rows.num_rows))
        if not self.transport.capabilities.validity:
            return rows
        zones, expires_at = rows["zones"].combine_chunks().dictionary_encode(), self.engine.expires_at
        closes_at = closes_at_column(self.engine.open_times[self.channel], zones, now, expires_at)
        return rows.append_column(VALID_UNTIL, pc.fill_null(closes_at, pa.scalar(expires_at, INSTANT)) if expires_at else closes_at)

    def _take_in(self, rows: pa.Table, answers: pa.Table, now: datetime, reason: str) -> int:
        """Write the answers down, let wait what was not taken, for this reason, and return how many that are."""
        engine, wave_id, batch, token = self.engine, self.mine.wave_id, self.mine.batch.batch, self.mine.token
        back = pc.equal(answers["status"], "throttled")
        taken = pc.invert(back)
        results = _as_results(rows.filter(taken), answers.filter(taken), now)
        until = pc.fill_null(answers["until"].filter(back), pa.scalar(now + BACKOFF, INSTANT))
        with engine.ledger.transaction() as tx:
            campaign_id = engine.register(tx).campaign_id
            if len(until):
                submission.hold_campaign(tx, campaign_id)  # first: whoever stops it takes its locks in this order
            engine.follow(tx, submission.record_answers(tx, wave_id, batch, token, results))
            if not len(until):
                return 0
            self.throttled_until = pc.max(until).as_py()
            ended, _ = campaigns.halt(tx, campaign_id, self.clock())
            fate = ("closed", ended) if ended in ENDS else ("waiting", reason)
            keys = [rows[name].filter(back) for name in ATTEMPT_KEYS.names]
            columns = [*keys, *(pa.repeat(pa.scalar(word), len(until)) for word in fate), until]
            return submission.take_back(tx, wave_id, batch, token, pa.table(columns, schema=HANDED_BACK), now)


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
