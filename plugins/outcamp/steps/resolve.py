"""resolve: what people find out about attempts whose submission is unknown. It corrects the books, and never submits anything again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.dispositions import DISPOSITIONS, UNKNOWN, Channel
from outcamp.core.errors import UsageError, closest
from outcamp.steps.ingest import never_reached
from outcamp.store import campaigns, outcomes
from outcamp.store.datasets import ATTEMPT_KEYS
from outcamp.store.ledger import Ledger


@dataclass(frozen=True)
class Doubt:
    """An attempt of which nobody knows whether it was submitted."""

    occurrence: int
    recipient_id: str
    attempt: int
    channel: str
    submitted_at: datetime


def doubts(ledger: Ledger, campaign: str) -> list[Doubt]:
    """Return a campaign's attempts in doubt, in order."""
    return [Doubt(**row) for row in _in_doubt(ledger, campaign).drop_columns("occurrence_id").to_pylist()]


def resolve(ledger: Ledger, campaign: str, recipients: Iterable[str], disposition: str) -> int:
    """Write down what became of the attempts in doubt of these recipients, and return how many there were.

    It is dated at the submission, so that whatever the channel itself still reports, which is later, replaces it. Nobody in doubt by one of
    the names is wrong use, and then nothing is written.
    """
    found = _in_doubt(ledger, campaign)
    wanted = sorted(set(recipients))
    unknown = sorted(set(wanted) - set(found["recipient_id"].to_pylist()))
    if unknown:
        near = closest(unknown[0], found["recipient_id"].unique().to_pylist())
        problem = f"{campaign} has no attempt in doubt for {', '.join(map(repr, unknown[:5]))}."
        next_step = f"Did you mean {near!r}?" if near else f"outcamp resolve {campaign} lists them."
        raise UsageError(problem, next_step=next_step)
    rows = found.filter(pc.is_in(found["recipient_id"], value_set=pa.array(wanted, pa.string())))
    for channel in rows["channel"].unique().to_pylist():
        codes = [code for code in DISPOSITIONS[Channel(channel)] if code != UNKNOWN]
        if disposition not in codes:
            near = closest(disposition, codes)
            next_step = f"Did you mean {near!r}?" if near else f"The dispositions of {channel}: {', '.join(codes)}."
            raise UsageError(f"{channel} has no disposition {disposition!r}.", next_step=next_step)
    said = pa.chunked_array([pa.array([disposition] * rows.num_rows, pa.string())])
    table = pa.table(
        {name: rows[name] for name in ATTEMPT_KEYS.names}
        | {"disposition": said, "disposed_at": rows["submitted_at"], "unreached": never_reached(rows["channel"], said)}
    )
    with ledger.transaction() as tx:
        campaign_id = campaigns.campaign_id_of(tx, campaign)
        return 0 if campaign_id is None else len(outcomes.record(tx, campaign_id, table))


def _in_doubt(ledger: Ledger, campaign: str) -> pa.Table:
    with ledger.transaction() as tx:
        campaign_id = campaigns.campaign_id_of(tx, campaign)
        return outcomes.DOUBTS.empty_table() if campaign_id is None else outcomes.in_doubt(tx, campaign_id)
