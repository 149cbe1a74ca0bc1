"""ingest: take in what became of attempts, set deadlines that have passed, and make what follows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.dispositions import NEVER_REACHED
from outcamp.steps.breakers import watch
from outcamp.steps.engine import Engine
from outcamp.steps.stop import ENDED
from outcamp.steps.suppress_by_outcome import suppress_by_outcome
from outcamp.store import campaigns, outcomes, stops
from outcamp.store.ledger import Transaction
from outcamp.store.outcomes import Followed


def ingest(engine: Engine, now: datetime, also: Callable[[Transaction], None] | None = None) -> Followed:
    """Take in the outcomes that have happened by now, each with the instant at which it happened, and what follows on them.

    Whoever has come to wait in a campaign since it was stopped leaves it. ``also`` runs in the same transaction, after that.
    """
    transports = list({id(transport): transport for transport in engine.transports.values()}.values())
    happened = [transport.outcomes(now) for transport in transports]
    with engine.ledger.transaction() as tx:
        campaign_id = engine.register(tx).campaign_id
        disposed: outcomes.Rows = []
        for table in happened:
            if table.num_rows:
                unreached = never_reached(table["channel"], table["disposition"])
                disposed += outcomes.record(tx, campaign_id, table.append_column("unreached", unreached))
                if engine.suppresses:
                    suppress_by_outcome(tx, table, now)
        disposed += outcomes.set_no_outcome(tx, campaign_id, now)
        followed = engine.follow(tx, disposed)
        halt, _ = campaigns.halt(tx, campaign_id, now)
        if halt in ENDED:  # what was on its way then, or in the hands of a wave that died, may wait again
            stops.let_go(tx, campaign_id, now, halt)
        if also is not None:
            also(tx)
    watch(engine.ledger, engine.campaign, campaign_id, disposed, now)
    # Forgotten only now: a crash before this line takes them in again, which changes nothing.
    for transport, table in zip(transports, happened, strict=True):
        if table.num_rows:
            transport.acknowledge(now)
    return followed


def never_reached(channel: pa.ChunkedArray, disposition: pa.ChunkedArray) -> pa.ChunkedArray:
    """Tell for each row whether the channel proved that the message never reached the person."""
    codes = pa.array([f"{name} {code}" for name, found in NEVER_REACHED.items() for code in sorted(found)])
    return pc.fill_null(pc.is_in(pc.binary_join_element_wise(channel, disposition, " "), value_set=codes), fill_value=False)
