"""The simulator's transport: accepts everything, and lets happen to each attempt what a table says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.dispositions import ENDS_WELL, Channel
from outcamp.transports.base import ANSWERS, INSTANT, OUTCOMES, Capabilities

_COMING = pa.schema([*OUTCOMES, ("sent_at", INSTANT), ("wake_at", INSTANT)])
_SECOND = timedelta(seconds=1) // timedelta(microseconds=1)


class ScriptedTransport:
    """Knows beforehand what becomes of attempts; whatever is not in the script ends well at once."""

    capabilities = Capabilities(chunk_size=5000)

    def __init__(self, script: pa.Table, wake_at: Callable[[pa.Table], pa.Array]) -> None:
        """Take the script, and the rule that tells when an outcome to come can make anything due.

        ``script``: recipient_id, attempt, channel, disposition and after (seconds, a float), each attempt once.
        ``wake_at``: of outcomes (``OUTCOMES`` and sent_at), the instants at which the clock must stop for them; null for never.
        """
        keys = _keys(script["recipient_id"], script["attempt"], script["channel"])
        self._index = pd.Index(keys.to_pandas())
        self._disposition = script["disposition"].combine_chunks()
        self._after = pc.round(pc.multiply(script["after"], float(_SECOND))).cast(pa.int64()).combine_chunks()
        self._wake_at = wake_at
        self._coming = [_COMING.empty_table()]

    def submit(self, rows: pa.Table, now: datetime) -> pa.Table:
        """Accept every row; an outcome that happens at once is part of the answer, a later one comes through ``outcomes``."""
        count = rows.num_rows
        found = self._index.get_indexer(_keys(rows["recipient_id"], rows["attempt"], rows["channel"]).to_pandas())
        place = pa.array(found, pa.int64(), mask=found < 0)
        well = ENDS_WELL[Channel(rows["channel"][0].as_py())]
        disposition = pc.fill_null(self._disposition.take(place), well)
        after = pc.fill_null(self._after.take(place), 0)
        disposed_at = pc.add(pa.scalar(now, INSTANT), after.cast(pa.duration("us")))
        at_once = pc.equal(after, 0)
        self._remember(rows, disposition, disposed_at, now, pc.invert(at_once))
        accepted = pa.repeat(pa.scalar("accepted"), count)
        outcome = [pc.if_else(at_once, disposition, None), pc.if_else(at_once, disposed_at, None)]
        return pa.table([accepted, pa.nulls(count, pa.string()), *outcome, pa.nulls(count, INSTANT)], schema=ANSWERS)

    def outcomes(self, now: datetime) -> pa.Table:
        """Return the outcomes that have happened by now."""
        pending = self._pending()
        return pending.filter(pc.less_equal(pending["disposed_at"], pa.scalar(now, INSTANT))).select(OUTCOMES.names)

    def acknowledge(self, now: datetime) -> None:
        """Forget the outcomes up to now."""
        pending = self._pending()
        self._coming = [pending.filter(pc.greater(pending["disposed_at"], pa.scalar(now, INSTANT)))]

    def wakes_after(self, now: datetime) -> datetime | None:
        """Return the first moment after now at which an outcome that is still to come can make anything due."""
        wakes = self._pending()["wake_at"]
        first: datetime | None = pc.min(wakes.filter(pc.greater(wakes, pa.scalar(now, INSTANT)))).as_py()
        return first

    def ends_at(self) -> datetime | None:
        """Return the moment at which the last outcome that is still to come happens."""
        last: datetime | None = pc.max(self._pending()["disposed_at"]).as_py()
        return last

    def _remember(self, rows: pa.Table, disposition: pa.Array, disposed_at: pa.Array, now: datetime, later: pa.Array) -> None:
        columns = [*(rows[name] for name in OUTCOMES.names[:4]), disposition, disposed_at]
        coming = (
            pa.table(columns, names=OUTCOMES.names)
            .append_column("sent_at", pa.repeat(pa.scalar(now, INSTANT), rows.num_rows))
            .filter(later)
        )
        if coming.num_rows:
            self._coming.append(coming.append_column("wake_at", self._wake_at(coming)).select(_COMING.names).cast(_COMING))

    def _pending(self) -> pa.Table:
        if len(self._coming) > 1:
            self._coming = [pa.concat_tables(self._coming)]
        return self._coming[0]


def _keys(recipient_id: pa.ChunkedArray, attempt: pa.ChunkedArray, channel: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(attempt.cast(pa.string()), channel, recipient_id, "\0")
