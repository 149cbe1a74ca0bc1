"""ingest: take in what became of attempts, set deadlines that have passed, and turn dispositions into reattempts and exits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.dispositions import NEVER_REACHED
from outcamp.steps.engine import Engine
from outcamp.store import outcomes
from outcamp.store.ledger import Transaction
from outcamp.store.outcomes import Settled
from outcamp.store.submission import RESULTS


def ingest(engine: Engine, now: datetime, also: Callable[[Transaction], None] | None = None) -> Settled:
    """Take in the outcomes that have happened by now, each with the instant at which it happened, and settle what they decide.

    ``also`` runs in the same transaction, after that.
    """
    transports = list({id(transport): transport for transport in engine.transports.values()}.values())
    happened = [transport.outcomes(now) for transport in transports]
    with engine.ledger.transaction() as tx:
        campaign = engine.register(tx)
        for table in happened:
            if table.num_rows:
                outcomes.record(tx, campaign.campaign_id, as_results(table))
        outcomes.set_no_outcome(tx, campaign.campaign_id, now)
        settled = outcomes.settle(tx, campaign.campaign_id, engine.rules, engine.expires_at)
        if also is not None:
            also(tx)
    # Forgotten only now: a crash before this line takes them in again, which changes nothing.
    for transport in transports:
        transport.acknowledge(now)
    return settled


def as_results(table: pa.Table) -> pa.Table:
    """Return outcomes as the ledger's result rows: what never reached anybody is ``not_delivered``."""
    state = pc.if_else(never_reached(table["channel"], table["disposition"]), "not_delivered", "sent")
    columns = {name: table[name] for name in table.column_names} | {"state": state, "message_id": pa.nulls(table.num_rows, pa.string())}
    return pa.table([columns[name] for name in RESULTS.names], schema=RESULTS)


def never_reached(channel: pa.ChunkedArray, disposition: pa.ChunkedArray) -> pa.ChunkedArray:
    """Tell for each row whether the channel proved that the message never reached the person."""
    codes = pa.array([f"{name} {code}" for name, found in NEVER_REACHED.items() for code in sorted(found)])
    return pc.fill_null(pc.is_in(pc.binary_join_element_wise(channel, disposition, " "), value_set=codes), fill_value=False)
