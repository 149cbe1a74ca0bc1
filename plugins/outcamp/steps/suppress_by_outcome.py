"""Outcomes that suppress by themselves: who asked for no more messages, and endpoints that are dead."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.dispositions import ASKED_FOR_NO_MORE, DEAD_ENDPOINT, Channel
from outcamp.frames.written_endpoints import written_endpoints
from outcamp.store import suppressions
from outcamp.store.ledger import Transaction
from outcamp.store.suppressions import LINES

_ASKED: Final = pa.array(sorted(ASKED_FOR_NO_MORE))
_DEAD: Final = pa.array(sorted(DEAD_ENDPOINT))
_CHANNELS: Final = pa.array([str(channel) for channel in Channel])
_BELIEVED: Final = pa.array([None, "late"], pa.string())  # a dead endpoint is dead, also when its attempt was given up by then


def suppress_by_outcome(tx: Transaction, outcomes: pa.Table, now: datetime) -> int:
    """Suppress whom these outcomes (``ATTEMPT_KEYS`` and disposition) of submitted attempts say to, and return how many lines are new.

    In the transaction that writes the outcomes, so that nothing goes once the books know better. Said again it changes nothing.
    """
    asked = _is_in(outcomes["disposition"], _ASKED)
    rows = pc.or_(asked, _is_in(outcomes["disposition"], _DEAD))
    return suppressions.add_by_outcome(tx, outcomes.filter(rows), asked.filter(rows), now) if pc.any(rows).as_py() else 0


def suppress_by_event(
    tx: Transaction, events: pa.Table, matched: pa.Table, aside: pa.ChunkedArray, now: datetime
) -> tuple[int, pa.ChunkedArray]:
    """Suppress whom events from outside say to, and return how many lines are new, and which events are dealt with by that.

    A wish is heeded whatever else is wrong with its event: late, of an attempt that nobody knows, by a channel that has no such
    disposition, or with nothing but an endpoint. Only what cannot be read is not heeded; that is kept aside.
    """
    asked = pc.and_not(_is_in(events["disposition"], _ASKED), _is_in(aside, pa.array(["unreadable"])))
    nameless = pc.and_not(pc.is_null(events["recipient_id"]), _is_in(aside, pa.array(["unreadable"])))
    is_dead = pc.and_(_is_in(events["disposition"], _DEAD), pc.or_(nameless, pc.is_in(aside, value_set=_BELIEVED)))
    if not pc.any(pc.or_(asked, is_dead)).as_py():
        return 0, asked
    of_attempt = pc.and_not(pc.is_valid(matched["occurrence_id"]), _is_in(aside, pa.array(["other_channel"])))
    rows = pc.and_(of_attempt, pc.or_(asked, is_dead))
    columns = {name: events[name] for name in ("recipient_id", "attempt", "disposition")} | {"occurrence_id": matched["occurrence_id"]}
    added = suppress_by_outcome(tx, pa.table(columns).filter(rows), now)

    endpoint = pa.chunked_array([written_endpoints(events["endpoint"].combine_chunks())])
    by_endpoint = pc.and_(pc.or_(asked, pc.and_(is_dead, nameless)), pc.is_valid(endpoint))
    lines = [
        _lines("recipient", events["recipient_id"], events, pc.and_not(asked, of_attempt)),
        _lines("endpoint", endpoint, events, by_endpoint),
    ]
    added += suppressions.add(tx, pa.concat_tables(lines), now)
    no_such_code = _is_in(aside, pa.array(["no_disposition"]))
    return added, pc.or_(pc.and_(asked, no_such_code), pc.and_(by_endpoint, nameless))


def _lines(kind: str, value: pa.ChunkedArray, events: pa.Table, rows: pa.ChunkedArray) -> pa.Table:
    """Return lines for the list, on the channel that the event names, or on all."""
    channel = pc.if_else(_is_in(events["channel"], _CHANNELS), events["channel"], "")
    lines = pa.table([pa.repeat(pa.scalar(kind), events.num_rows), value, channel, events["disposition"]], schema=LINES)
    return lines.filter(pc.and_(rows, pc.is_valid(value)))


def _is_in(column: pa.ChunkedArray, values: pa.Array) -> pa.ChunkedArray:
    return pc.fill_null(pc.is_in(column, value_set=values), fill_value=False)
