"""What a simulation is given: recipients, history, outcomes and suppressions, checked whole before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from outcamp.core.campaign import Campaign
from outcamp.core.dispositions import DISPOSITIONS, Channel
from outcamp.core.errors import DataError, closest
from outcamp.core.segment import ExternalSegment
from outcamp.frames.hashing import buckets
from outcamp.segments.columns import TEXT_COLUMNS, prepare, rename
from outcamp.store import rehearsal
from outcamp.store.datasets import INSTANT
from outcamp.store.ledger import Ledger

_SCRIPT = pa.schema(
    [
        ("recipient_id", pa.string()),
        ("attempt", pa.int16()),
        ("channel", pa.string()),
        ("disposition", pa.string()),
        ("after", pa.float64()),
    ]
)
_HISTORY = pa.schema([("recipient_id", pa.string()), ("campaign", pa.string()), ("contacted_at", INSTANT), ("active", pa.bool_())])


class TableSegment:
    """A segment that is a table in memory, the same at each occurrence or, with a column ``occurrence``, split by it."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    @property
    def columns(self) -> list[str]:
        """Return the names of the recipients' columns."""
        return [name for name in self._table.column_names if name != "occurrence"]

    def read(self, occurrence: int) -> Iterator[pa.Table]:
        """Yield the rows of this occurrence."""
        table = self._table
        if "occurrence" in table.column_names:
            table = table.filter(pc.equal(table["occurrence"], occurrence)).drop_columns(["occurrence"])
        yield table

    def excluded(self) -> pa.Array:
        """Nobody is left out: the given recipients are the segment after its exclusions."""
        return pa.array([], pa.string())


def segment_of(recipients: pa.Table, campaign: Campaign) -> TableSegment:
    """Return the given recipients as the campaign's segment."""
    source = "--recipients"
    columns = {} if isinstance(campaign.segment, ExternalSegment) else dict(campaign.segment.columns)
    names = rename(recipients.column_names, {means: name for means, name in columns.items() if name in recipients.column_names}, source)
    table = prepare(recipients, names, TEXT_COLUMNS | set(campaign.endpoint_columns), source)
    if "occurrence" in names:
        table = table.set_column(names.index("occurrence"), "occurrence", _cast(table["occurrence"], pa.int64(), "occurrence", source))
    return TableSegment(table)


def script_of(outcomes: pa.Table | None) -> pa.Table:
    """Return the outcomes as the scripted transport takes them; each attempt may be listed once."""
    if outcomes is None:
        return _SCRIPT.empty_table()
    table = _typed(outcomes, _SCRIPT, "--outcomes", optional={"after": 0.0})
    for name in pc.unique(table["channel"]).to_pylist():
        known: list[str] = [str(channel) for channel in Channel]
        if name not in known:
            raise _unknown("channel", name, known)
        codes = DISPOSITIONS[Channel(name)]
        for code in pc.unique(table.filter(pc.equal(table["channel"], name))["disposition"]).to_pylist():
            if code not in codes:
                raise _unknown(f"disposition of {name}", code, codes)
    if table.num_rows and pc.min(table["after"]).as_py() < 0:
        raise DataError("--outcomes: after is negative", next_step="give the seconds from the submission to the outcome")
    keys = table.group_by(["recipient_id", "attempt", "channel"]).aggregate([([], "count_all")])
    twice = keys.filter(pc.field("count_all") > 1)
    if twice.num_rows:
        row = twice.slice(0, 1).to_pylist()[0]
        raise DataError(
            f"--outcomes: attempt {row['attempt']} of {row['recipient_id']!r} by {row['channel']} is listed {row['count_all']} times",
            next_step="keep one row for each recipient, attempt and channel",
        )
    return table


def history_of(history: pa.Table | None, own: str = "") -> pa.Table:
    """Return earlier communications, typed and checked; those of the campaign itself (``own``) count, whatever they say of it."""
    if history is None:
        return _HISTORY.empty_table()
    table = _typed(history, _HISTORY, "--history", optional={"active": True})
    return table.set_column(3, "active", pc.or_(table["active"], pc.equal(table["campaign"], own)))


def suppressions_of(suppressions: pa.Table | None) -> pa.Table:
    """Return the do-not-contact list as (recipient_id, endpoint, channel); a missing channel means all of them."""
    schema = pa.schema([("recipient_id", pa.string()), ("endpoint", pa.string()), ("channel", pa.string())])
    if suppressions is None:
        return schema.empty_table()
    if not {"recipient_id", "endpoint"} & set(suppressions.column_names):
        raise DataError("--suppressions: neither a column recipient_id nor endpoint", next_step="name whom not to contact by one of them")
    return _typed(suppressions, schema, "--suppressions", optional={"recipient_id": None, "endpoint": None, "channel": ""})


def load(ledger: Ledger, history: pa.Table, suppressions: pa.Table, at: datetime) -> None:
    """Write history and suppressions into the throw-away ledger."""
    with ledger.transaction() as tx:
        rehearsal.forget_at_crash(tx)
        rehearsal.load_history(tx, history.append_column("bucket", pa.array(buckets(history["recipient_id"]), pa.int16())))
        rehearsal.load_suppressions(tx, suppressions, at)


def _typed(table: pa.Table, schema: pa.Schema, source: str, optional: dict[str, object]) -> pa.Table:
    columns = []
    for field in schema:
        if field.name in table.column_names:
            column = _cast(table[field.name], field.type, field.name, source)
            default = optional.get(field.name)
            column = pc.fill_null(column, pa.scalar(default, field.type)) if default is not None else column
        elif field.name in optional:
            column = pa.chunked_array([pa.repeat(pa.scalar(optional[field.name], field.type), table.num_rows)])
        else:
            raise DataError(
                f"{source}: there is no column {field.name}",
                next_step=f"the columns are {', '.join(table.column_names)}; needed are {', '.join(schema.names)}",
            )
        if column.null_count and field.name not in optional:
            raise DataError(f"{source}: {field.name} is missing in {column.null_count} rows", next_step="fill it in, or leave the rows out")
        columns.append(column)
    return pa.table(columns, schema=schema)


def _cast(column: pa.ChunkedArray, kind: pa.DataType, name: str, source: str) -> pa.ChunkedArray:
    try:
        if pa.types.is_timestamp(kind) and pa.types.is_timestamp(column.type) and column.type.tz is None:
            raise DataError(
                f"{source}: {name} has no offset from UTC", next_step="write instants with an offset: 2026-12-01T09:00:00+00:00"
            )
        if pa.types.is_boolean(kind) and pa.types.is_string(column.type):
            return pc.is_in(pc.utf8_lower(column), value_set=pa.array(["true", "t", "1", "yes"]))
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{source}: {name} cannot be read as {kind}: {error}", next_step="correct the column") from error


def _unknown(what: str, value: str, known: list[str] | tuple[str, ...]) -> DataError:
    near = closest(value, known)
    hint = f"did you mean {near!r}? " if near else ""
    return DataError(f"--outcomes: {value!r} is no {what}", next_step=f"{hint}known are {', '.join(known)}")
