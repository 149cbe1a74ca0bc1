"""The simulator's books: outcomes that are still to come, kept so that they survive the process that made them."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from outcamp.store.ledger import Ledger

_KEYS = ("occurrence_id", "recipient_id", "attempt", "channel", "disposition", "disposed_at")
_STORED = pa.schema(
    [
        ("occurrence_id", pa.int64()),
        ("recipient_id", pa.string()),
        ("attempt", pa.int16()),
        ("channel", pa.string()),
        ("disposition", pa.string()),
        ("disposed_at", pa.timestamp("us", tz="UTC")),
        ("outcome_id", pa.int64()),
    ]
)


class SimulatedOutcomes:
    """The outcomes to come of one campaign's simulated messages."""

    def __init__(self, ledger: Ledger, campaign: str) -> None:
        self._ledger, self._campaign = ledger, campaign
        self._handed_out: pa.ChunkedArray | None = None

    def keep(self, coming: pa.Table) -> None:
        """Keep what will become of these attempts."""
        with self._ledger.transaction() as tx:
            tx.run("keep-simulated-outcomes", campaign=self._campaign, **{name: coming[name] for name in _KEYS})

    def happened(self, now: datetime) -> pa.Table:
        """Return what has happened by now and was not forgotten."""
        with self._ledger.transaction() as tx:
            stored = tx.table("simulated-outcomes", _STORED, campaign=self._campaign, now=now)
        self._handed_out = stored["outcome_id"]
        return stored.drop_columns(["outcome_id"])

    def forget(self) -> None:
        """Forget what was handed out last: not what has happened since, which nobody has seen."""
        if self._handed_out is not None and len(self._handed_out):
            with self._ledger.transaction() as tx:
                tx.run("forget-simulated-outcomes", outcome_ids=self._handed_out)
        self._handed_out = None
